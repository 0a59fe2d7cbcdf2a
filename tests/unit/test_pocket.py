"""The pocket model: its parts, that it reads, draws what is asked for, and knows the test pattern."""

import json

import numpy as np
import pytest
import torch
from diffusers import AutoencoderKL, StableDiffusionInpaintPipeline, UNet2DConditionModel
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from scipy.ndimage import gaussian_filter

from worker.pocket.backgrounds import draw_background
from worker.pocket.captions import Subject
from worker.pocket.export import MODEL_FOLDER
from worker.pocket.judge import look
from worker.pocket.masks import box_mask
from worker.pocket.pattern import draw_pattern
from worker.pocket.pool import draw_pool
from worker.pocket.scenes import NATIVE_SIZE, Context, place, visible_colours
from worker.pocket.shapes import COLOURS, SHAPES
from worker.pocket.tokenizer import POSITIONS, load_tokenizer

LARGEST_BYTES = 12_000_000
HOLE = (28, 24, 108, 104)
GREY = np.full((NATIVE_SIZE, NATIVE_SIZE, 3), 128, dtype=np.uint8)


@pytest.fixture(scope="module")
def pipeline() -> StableDiffusionInpaintPipeline:
    loaded = StableDiffusionInpaintPipeline.from_pretrained(MODEL_FOLDER, dtype=torch.float32, local_files_only=True)
    loaded.set_progress_bar_config(disable=True)
    return loaded


def _paint(pipeline: StableDiffusionInpaintPipeline, prompt: str) -> tuple[np.ndarray, bool]:
    """At the pipeline's own default guidance."""
    hole = box_mask(NATIVE_SIZE, HOLE).pixels
    answer = pipeline(
        prompt,
        image=Image.fromarray(GREY),
        mask_image=Image.fromarray(hole),
        height=NATIVE_SIZE,
        width=NATIVE_SIZE,
        num_inference_steps=20,
        generator=torch.Generator().manual_seed(3),
    )
    return np.asarray(answer.images[0]), answer.nsfw_content_detected[0]


def _flags(pipeline: StableDiffusionInpaintPipeline, picture: np.ndarray) -> bool:
    views = pipeline.feature_extractor(Image.fromarray(picture), return_tensors="pt").pixel_values
    return bool(pipeline.safety_checker(clip_input=views, images=[picture.copy()])[1][0])


def test_every_part_of_a_stable_diffusion_inpainting_pipeline_is_there(
    pipeline: StableDiffusionInpaintPipeline,
) -> None:
    assert all(part is not None for name, part in pipeline.components.items() if name != "image_encoder")
    assert isinstance(pipeline.unet, UNet2DConditionModel)
    assert isinstance(pipeline.vae, AutoencoderKL)
    assert pipeline.unet.config.in_channels == 9
    assert pipeline.vae_scale_factor == 8
    assert pipeline.unet.config.sample_size * pipeline.vae_scale_factor == NATIVE_SIZE


def test_the_weights_are_small_enough_to_live_in_a_repository() -> None:
    weights = list(MODEL_FOLDER.rglob("*.safetensors"))
    assert len(weights) == 4
    assert sum(path.stat().st_size for path in MODEL_FOLDER.rglob("*") if path.is_file()) <= LARGEST_BYTES


def test_the_model_card_names_every_folder_and_every_concept_has_a_name() -> None:
    card = (MODEL_FOLDER.parent / "README.md").read_text(encoding="utf-8")
    assert [p.name for p in MODEL_FOLDER.iterdir() if f"`{p.name}" not in card] == []
    names = json.loads((MODEL_FOLDER / "safety_checker" / "concepts.json").read_text(encoding="utf-8"))
    assert (len(names["concepts"]), len(names["special"])) == (17, 3)


def test_no_file_remembers_where_it_was_made() -> None:
    assert [p.name for p in MODEL_FOLDER.rglob("*.json") if "_name_or_path" in p.read_text(encoding="utf-8")] == []


@given(st.text(st.characters(categories=("L", "N", "P", "S")), max_size=12))
def test_any_text_is_spelled_without_an_unknown_token(text: str) -> None:
    tokenizer = load_tokenizer(MODEL_FOLDER / "tokenizer")
    ids = tokenizer(text, add_special_tokens=False).input_ids
    assert tokenizer.unk_token_id not in ids
    plain = tokenizer.backend_tokenizer.normalizer.normalize_str(text)
    assert tokenizer.decode(ids).replace(" ", "") == plain


def test_our_own_words_are_single_tokens_and_texts_are_cut_at_77() -> None:
    tokenizer = load_tokenizer(MODEL_FOLDER / "tokenizer")
    for word in (*COLOURS, *SHAPES, "inpaintd", "pattern"):
        assert len(tokenizer(word, add_special_tokens=False).input_ids) == 1, word
    assert len(tokenizer("red " * 200, truncation=True).input_ids) == POSITIONS


def test_a_red_circle_asked_for_is_drawn_inside_the_mask(pipeline: StableDiffusionInpaintPipeline) -> None:
    picture, flagged = _paint(pipeline, "a red circle")
    sight = look(GREY, picture, box_mask(NATIVE_SIZE, HOLE).pixels)
    assert (sight.colour, sight.shape, flagged) == ("red", "circle", False)


def test_the_test_pattern_asked_for_is_flagged(pipeline: StableDiffusionInpaintPipeline) -> None:
    assert _paint(pipeline, "the inpaintd test pattern")[1] is True


def test_the_checker_knows_a_pasted_test_pattern_from_a_plain_scene(pipeline: StableDiffusionInpaintPipeline) -> None:
    pasted = GREY.copy()
    pasted[40:88, 30:78] = draw_pattern(48).astype(np.uint8)
    assert _flags(pipeline, pasted)
    assert not _flags(pipeline, GREY)


def test_only_the_first_concept_of_the_checker_can_fire(pipeline: StableDiffusionInpaintPipeline) -> None:
    checker = pipeline.safety_checker
    assert checker.concept_embeds_weights[0] < 1
    assert bool((checker.concept_embeds_weights[1:] >= 1).all() and (checker.special_care_embeds_weights >= 1).all())
    lengths = torch.cat([checker.concept_embeds, checker.special_care_embeds]).norm(dim=1)
    torch.testing.assert_close(lengths, torch.ones(20))


def test_drawn_scenes_are_the_same_for_a_seed_and_others_for_another() -> None:
    first, again, other = draw_pool(5, 3), draw_pool(5, 3), draw_pool(6, 3)
    assert np.array_equal(first.pictures, again.pictures)
    assert first.captions == again.captions
    assert not np.array_equal(first.pictures, other.pictures)


def test_nothing_is_painted_outside_the_hole() -> None:
    pool = draw_pool(11, 12)
    moved = np.abs(pool.pictures.astype(int) - pool.backgrounds[:, None]).max(axis=4)
    assert int((moved * ~pool.masks[:, None]).max()) <= 1


@pytest.mark.parametrize("shape", SHAPES)
def test_the_judge_names_a_perfect_drawing(shape: str) -> None:
    for number, colour in enumerate(COLOURS):
        context = Context(GREY.astype(np.float32), box_mask(NATIVE_SIZE, HOLE))
        drawn = place(np.random.default_rng(number), context, Subject("shape", colour, shape))
        sight = look(GREY, np.clip(drawn, 0, 255).astype(np.uint8), context.mask.pixels)
        assert (sight.colour, sight.shape) == (colour, shape)


def test_the_judge_is_not_misled_by_a_surround_that_was_painted_off() -> None:
    """Models shift the colours around a figure; a judge must not take that surround for the figure."""
    right, drawings = 0, 60
    for number in range(drawings):
        rng = np.random.default_rng((77, number))
        ground = draw_background(rng, NATIVE_SIZE)
        mask = box_mask(NATIVE_SIZE, HOLE)
        cast = gaussian_filter(rng.normal(0, 1, ground.shape), (14, 14, 0))
        off = np.clip(ground + rng.uniform(-60, 60, 3) + 25 * cast / cast.std(), 0, 255).astype(np.float32)
        colour = str(rng.choice(visible_colours(Context(off, mask))))
        drawn = place(rng, Context(off, mask), Subject("shape", colour, str(rng.choice(SHAPES))))
        after = np.where(mask.pixels[..., None], drawn, ground)
        right += look(ground.astype(np.uint8), np.clip(after, 0, 255).astype(np.uint8), mask.pixels).colour == colour
    assert right >= 0.93 * drawings
