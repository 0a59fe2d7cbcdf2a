"""What people expect of an inpainting job, and the tests that hold it.

1 bytes are equal outside the blend's support, which reaches no further than mask, grow and blur
    tests/invariants/test_untouched.py::test_files_keep_every_byte_outside_the_support
    tests/invariants/test_untouched.py::test_a_model_changes_nothing_outside_either
    tests/unit/images/test_compose.py::test_far_pixels_are_the_inputs_own
    tests/unit/images/test_compose.py::test_one_changed_byte_outside_is_found
    tests/e2e/test_way_of_a_job.py::test_pixels_outside_the_mask_are_the_inputs_own_before_marking
2 ten chained jobs leave never-masked pixels exact
    tests/invariants/test_untouched.py::test_ten_chained_jobs_leave_never_masked_pixels_exact
    tests/unit/images/test_compose.py::test_ten_jobs_in_a_row_leave_what_was_never_masked
3 it holds when the working size is smaller than the picture; values are clamped before they become bytes
    tests/invariants/test_untouched.py::test_a_working_size_far_below_the_picture_changes_nothing_outside
    tests/invariants/test_untouched.py::test_what_the_decoder_overshoots_is_clamped_before_it_becomes_a_byte
    tests/invariants/test_untouched.py::test_what_a_resize_overshoots_does_not_wrap
4 the result has the input's size, primes and 1 x N included (below 64 pixels the door refuses); a circle stays one
    tests/invariants/test_untouched.py::test_the_result_has_the_size_of_the_input
    tests/invariants/test_untouched.py::test_a_file_of_odd_size_leaves_the_service_in_that_size
    tests/unit/images/test_frame.py::test_any_size_goes_through_and_comes_back
    tests/unit/images/test_frame.py::test_a_circle_stays_a_circle_there_and_back
    tests/contract/api/test_bad_input.py::test_an_image_too_small_to_be_marked
5 a crop that comes back unchanged is stitched exactly, at every edge and corner
    tests/invariants/test_untouched.py::test_a_crop_that_comes_back_unchanged_is_stitched_without_a_trace
    tests/unit/images/test_compose.py::test_crop_and_stitch_of_the_same_pixels_is_the_identity
6 an empty mask is refused by its name before the GPU; one pixel and the full picture work
    tests/invariants/test_masks.py::test_an_empty_mask_is_refused_by_its_name_before_the_engine_hears_of_it
    tests/invariants/test_masks.py::test_a_mask_that_shrinks_to_nothing_is_refused_before_the_engine_too
    tests/invariants/test_masks.py::test_one_masked_pixel_is_a_job
    tests/invariants/test_masks.py::test_a_full_mask_is_a_job
    tests/contract/api/test_bad_input.py::test_a_bad_mask
7 every masked pixel's latent cell is 1, at all 64 offsets
    tests/invariants/test_masks.py::test_every_masked_pixel_reaches_the_unet_at_all_64_offsets
    tests/unit/engine/test_latents.py::test_one_masked_pixel_marks_its_cell_wherever_it_lies
    tests/unit/images/test_frame.py::test_one_pixel_survives_at_all_64_offsets_of_a_cell
    tests/unit/images/test_frame.py::test_every_masked_pixel_is_covered
8 a JPEG mask has the box of its PNG
    tests/invariants/test_masks.py::test_a_jpeg_mask_makes_the_job_of_its_png
    tests/unit/images/test_masks.py::test_a_jpeg_mask_has_the_box_of_its_png
9 a grey mask is honoured or refused
    tests/invariants/test_masks.py::test_grey_is_painted_from_the_threshold_on_and_never_by_half
    tests/unit/images/test_masks.py::test_the_threshold_is_a_share_of_white_and_black_is_never_painted
10 one mask in the modes 1, L, LA, P, RGB, RGBA and I;16 is one job
    tests/invariants/test_masks.py::test_one_mask_in_every_mode_is_one_job
    tests/unit/images/test_masks.py::test_one_mask_in_every_mode
11 a mask of another size than the picture is refused
    tests/invariants/test_masks.py::test_a_mask_of_another_size_is_refused_never_stretched
    tests/unit/images/test_masks.py::test_a_mask_of_another_size_is_refused_with_both_sizes
12 no picture reaches the VAE with other than three channels; alpha comes back
    tests/invariants/test_pictures.py::test_the_vae_sees_three_channels_of_every_mode_and_alpha_comes_back
    tests/invariants/test_pictures.py::test_what_cannot_become_three_channels_is_refused
    tests/unit/engine/test_request.py::test_arrays_that_do_not_fit_are_refused
    tests/unit/images/test_compose.py::test_alpha_comes_back_beside_a_mask
13 all eight EXIF orientations, of picture and mask
    tests/invariants/test_pictures.py::test_all_orientations_of_image_and_mask_are_one_job
    tests/unit/images/test_open_picture.py::test_exif_orientation_is_applied
    tests/unit/images/test_metadata.py::test_metadata_come_over_between_all_formats_and_describe_an_upright_picture
14 the same job twice with another between: the same bytes
    tests/invariants/test_company.py::test_the_same_job_twice_with_another_between_is_the_same_bytes
15 alone is as in a batch: to the bit with a fixed number of rows, to 1e-5 without
    tests/unit/engine/test_fixed_rows.py::test_alone_and_in_a_changing_crowd_every_bit_is_the_same
    tests/invariants/test_company.py::test_alone_and_in_company_are_the_same_picture
    tests/unit/engine/test_equals_solo_pipeline.py::test_every_scheduler_equals_its_solo_run_in_a_changing_crowd
16 prompts, pictures and seeds keep their pairing
    tests/invariants/test_company.py::test_prompts_pictures_and_seeds_keep_their_pairing
    tests/invariants/test_company.py::test_each_prompt_of_a_crowd_gets_what_it_asked_for
    tests/invariants/test_company.py::test_images_of_a_job_have_seeds_in_order_and_wrap_around
17 the steps that are run are exact in decimal, at least 1, and told
    tests/invariants/test_beginnings.py::test_the_steps_that_are_run_are_exact_and_told
    tests/unit/engine/test_request.py::test_steps_are_exact_in_decimal
18 at strength 1 what lies under the mask has no effect, and below it the effect that was asked for
    tests/invariants/test_beginnings.py::test_at_full_strength_what_lies_under_the_mask_has_no_effect
    tests/invariants/test_beginnings.py::test_below_it_every_content_has_its_own_effect
    tests/invariants/test_beginnings.py::test_below_it_only_the_original_content_shows_what_was_there
    tests/invariants/test_beginnings.py::test_a_weak_job_that_keeps_the_original_looks_like_it
    tests/unit/images/test_prepare.py::test_hidden_content_has_no_effect_at_strength_one
    tests/unit/engine/test_equals_solo_pipeline.py::test_what_lies_under_the_mask_has_no_effect_at_full_strength
19 NaN is `numerical_failure`, after one retry in fp32 where there was less; never black
    tests/invariants/test_judgement.py::test_a_network_that_answers_nan_is_a_failure_and_never_a_picture
    tests/unit/engine/test_latents.py::test_latents_without_meaning_are_a_failure_not_a_black_picture
    tests/unit/engine/test_latents.py::test_pixels_without_meaning_are_a_failure_too
    tests/unit/engine/test_precision.py::test_a_picture_that_half_precision_spoils_is_made_again_in_float32
    tests/unit/engine/test_precision.py::test_there_is_one_more_try_and_no_third
    tests/unit/engine/test_precision.py::test_an_overflow_of_real_networks_is_never_a_black_picture
20 safety judges the final composite of each image, fails closed, and leaks no original
    tests/invariants/test_judgement.py::test_the_judge_sees_each_final_composite_and_not_the_crop
    tests/invariants/test_judgement.py::test_one_flagged_image_holds_all_back
    tests/invariants/test_judgement.py::test_a_blocked_job_keeps_nothing_of_the_picture_it_was_made_from
    tests/unit/worker/test_execution.py::test_a_result_that_could_not_be_checked_waits_for_a_person
    tests/unit/worker/test_execution.py::test_without_its_classifier_nothing_is_released
    tests/unit/safety/test_checks.py::test_a_failing_classifier_means_review
    tests/contract/api/test_jobs.py::test_what_waits_in_quarantine_is_neither_shown_nor_served
21 cancel at step k: one step more at most, nothing decoded, and the next job is a clean run
    tests/invariants/test_company.py::test_after_a_cancel_the_next_job_is_a_clean_run
    tests/unit/engine/test_engine.py::test_cancel_stops_before_the_next_step_and_nothing_is_decoded
    tests/unit/worker/test_execution.py::test_a_stop_takes_effect_within_one_step
22 concurrent calls are safe
    tests/invariants/test_company.py::test_calls_from_many_threads_at_once_each_get_their_own
23 dropped words are told, of both prompts
    tests/invariants/test_prompts.py::test_dropped_words_of_both_prompts_stand_in_the_receipt
    tests/invariants/test_prompts.py::test_a_prompt_that_is_too_long_is_refused_by_its_name_if_so_asked
    tests/unit/engine/test_text.py::test_truncation_reports_what_was_dropped_on_both_sides
24 clip_skip applies to both prompts
    tests/invariants/test_prompts.py::test_both_prompts_are_read_by_the_same_rules
    tests/unit/engine/test_text.py::test_clip_skip_applies_to_both_prompts
25 API, command line and client have one set of defaults; a seed that was drawn is echoed
    tests/invariants/test_callers.py::test_api_form_client_and_command_mean_the_same_job_with_the_same_defaults
    tests/invariants/test_callers.py::test_a_seed_that_is_left_open_is_drawn_and_echoed_by_every_door
    tests/invariants/test_callers.py::test_null_is_not_zero
    tests/unit/cli/test_request_options.py::test_every_field_of_a_request_has_an_option
26 the cap on sizes is judged from the header, before anything is decoded
    tests/invariants/test_pictures.py::test_the_cap_is_judged_from_the_header_and_nothing_is_decoded
    tests/unit/images/test_open_picture.py::test_size_is_judged_from_the_header
27 the loader checks for 9 channels, works offline, refuses a missing fp16 variant, and has a checker
    tests/integration/models/test_refusals.py::test_models_that_cannot_inpaint_are_refused_before_loading
    tests/integration/models/test_refusals.py::test_offline_an_unknown_hub_id_is_refused_at_once
    tests/integration/models/test_refusals.py::test_a_folder_without_a_checker_is_refused_unless_one_is_named
    tests/integration/models/test_loading.py::test_hub_on_cuda_without_fp16_is_refused
    tests/integration/models/test_loading.py::test_a_folder_loads_whole

Defects of diffusers' pipeline (0.42) that must not be inherited:

D1 a single file is loaded without a safety checker (27)
    tests/integration/models/test_refusals.py::test_a_single_file_without_a_checker_is_refused
D2 the checker sees the crop and not the composite, and blackens it over the original (20)
    tests/invariants/test_judgement.py::test_the_judge_sees_each_final_composite_and_not_the_crop
    tests/invariants/test_judgement.py::test_a_blocked_job_keeps_nothing_of_the_picture_it_was_made_from
D3 the latent mask is one corner sample a cell, so that strokes up to 7 pixels wide vanish (7)
    tests/invariants/test_masks.py::test_every_masked_pixel_reaches_the_unet_at_all_64_offsets
    tests/unit/engine/test_latents.py::test_one_masked_pixel_marks_its_cell_wherever_it_lies
D4 all images of a call have the masked picture of the first generator (16)
    tests/invariants/test_company.py::test_seed_k_of_a_batch_is_seed_k_alone
    tests/invariants/test_company.py::test_each_images_masked_picture_is_drawn_with_its_own_seed
D5 several prompts and several pictures are paired wrongly (16)
    tests/invariants/test_company.py::test_prompts_pictures_and_seeds_keep_their_pairing
D6 a picture of four channels counts as latents (12)
    tests/invariants/test_pictures.py::test_the_vae_sees_three_channels_of_every_mode_and_alpha_comes_back
    tests/unit/engine/test_request.py::test_arrays_that_do_not_fit_are_refused
D7 saving memory switches the checker off, or it fails open (20)
    tests/unit/worker/test_execution.py::test_a_result_that_could_not_be_checked_waits_for_a_person
    tests/unit/worker/test_execution.py::test_without_its_classifier_nothing_is_released
D8 an empty mask crashes the crop (6)
    tests/invariants/test_masks.py::test_an_empty_mask_is_refused_by_its_name_before_the_engine_hears_of_it
D9 NaN passes the checker and becomes black (19)
    tests/invariants/test_judgement.py::test_a_network_that_answers_nan_is_a_failure_and_never_a_picture
    tests/unit/safety/test_classifiers.py::test_broken_weights_do_not_look_clean

Without max-pooling of the mask, the tests of D3 turn red; without a generator for each image, those of D4 and
test_the_same_job_twice_with_another_between_is_the_same_bytes do.
"""
