"""An img2img request as the web UI's clients send it, translated."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from producer.api.orders import source_of
from producer.dialects.a1111.samplers import SAMPLERS, sampler_of
from producer.dialects.given import Given
from producer.dialects.intake import Understood, strict, understood
from producer.dialects.models import alias_of
from producer.order import Source
from producer.services import Services

DIALECT = "a1111"
_SAME = {
    "denoising_strength": "strength",
    "cfg_scale": "guidance_scale",
    "inpaint_full_res_padding": "padding",
}
# What the web UI does where a field is left out; ours differ.
_DEFAULTS = {
    "strength": 0.75,
    "steps": 20,
    "guidance_scale": 7.0,
    "padding": 0,
    "mask_blur": 4,
    "masked_content": "fill",
    "area": "masked",
}
_FILLS = {0: "fill", 1: "original", 2: "noise", 3: "blank"}
# Sent by every client, whether it means something or not; these values ask for nothing that does not happen anyway.
_ALLOWED: dict[str, tuple[Any, ...]] = {
    "resize_mode": (0,),
    "styles": ([],),
    "subseed": (-1,),
    "subseed_strength": (0,),
    "seed_resize_from_h": (0, -1),
    "seed_resize_from_w": (0, -1),
    "restore_faces": (False,),
    "tiling": (False,),
    "s_churn": (0,),
    "s_tmax": (0,),
    "s_tmin": (0,),
    "s_noise": (1,),
    "initial_noise_multiplier": (1,),
    "script_name": ("",),
    "script_args": ([],),
    "alwayson_scripts": ({},),
    "include_init_images": (False,),
    "send_images": (True,),
    "save_images": (False,),
    # Nothing is written into folders here, whichever is said.
    "do_not_save_samples": (True, False),
    "do_not_save_grid": (True, False),
    # Of models that edit by instruction only.
    "image_cfg_scale": (0, 1, 1.5),
    "override_settings_restore_afterwards": (True,),
}
_ALPHA = re.compile(r"[A-Za-z0-9+/=\s]*")


def read_img2img(body: Mapping[str, Any], services: Services) -> Understood:
    """The order in the body of POST /sdapi/v1/img2img. Raises Refusal."""
    given = Given(body)
    given.names |= {"image": "init_images", "mask": "mask"}
    image, mask = _image(given), _mask(given)
    given.accept(_ALLOWED)
    given.rename(_SAME)
    given.choose("inpainting_fill", "masked_content", _FILLS)
    given.choose("inpaint_full_res", "area", {True: "masked", False: "whole"})
    given.choose("inpainting_mask_invert", "mask_invert", {0: False, 1: True})
    given.say("prompt_syntax", "a1111", "prompt")
    _count(given)
    _sampler(given)
    _override(given, services)
    return understood(given, DIALECT, image, mask, lambda fields: strict({**_DEFAULTS, **fields}))


def _image(given: Given) -> Source:
    images = given.take("init_images")
    if not isinstance(images, list) or len(images) != 1:
        raise given.refusal("init_images", "field_missing", "`init_images` must be a list of exactly one picture.")
    return _source(given, "init_images", images[0])


def _mask(given: Given) -> Source:
    mask = given.take("mask")
    if mask is None:
        raise given.refusal("mask", "mask_missing", "`mask` is required: only what is white in it is repainted here.")
    return _source(given, "mask", mask)


def _source(given: Given, name: str, text: Any) -> Source:
    if not isinstance(text, str):
        raise given.refusal(name, "wrong_type", f"`{name}` must be base64 or a data: URI.")
    bare = _ALPHA.fullmatch(text[:100]) is not None
    return source_of(f"data:application/octet-stream;base64,{text}" if bare else text, name)


def _count(given: Given) -> None:
    sizes = [given.take(name, 1) for name in ("batch_size", "n_iter")]
    if not all(isinstance(size, int) and not isinstance(size, bool) for size in sizes):
        raise given.refusal("batch_size", "wrong_type", "`batch_size` and `n_iter` must be whole numbers.")
    given.say("num_images", sizes[0] * sizes[1], "batch_size")


def _sampler(given: Given) -> None:
    # As in the web UI, `sampler_index` counts only where there is no `sampler_name`.
    name, old = given.take("sampler_name"), given.take("sampler_index")
    scheduler = given.take("scheduler", "automatic")
    if not isinstance(scheduler, str) or scheduler.lower() != "automatic":
        raise given.refusal("scheduler", "not_supported", "`scheduler` must be Automatic or left out.")
    wanted = name or old
    sampler = sampler_of(wanted) if isinstance(wanted, str) else None
    if wanted is not None and sampler is None:
        known = ", ".join(SAMPLERS)
        raise given.refusal(
            "sampler_name", "not_a_choice", f"There is no sampler {wanted!s:.100} here; use one of: {known}."
        )
    if sampler is not None:
        given.say("scheduler", sampler.value, "sampler_name")


def _override(given: Given, services: Services) -> None:
    settings = given.take("override_settings", {})
    if not isinstance(settings, dict):
        raise given.refusal("override_settings", "wrong_type", "`override_settings` must be an object.")
    inner = Given(settings, "override_settings.")
    model, layers = inner.take("sd_model_checkpoint"), inner.take("CLIP_stop_at_last_layers")
    inner.refuse(dict.fromkeys(settings, "it knows sd_model_checkpoint and CLIP_stop_at_last_layers"))
    if model is not None:
        # Titles end with a short hash in brackets.
        alias = alias_of(str(model).partition(" [")[0], services.models)
        given.say("model", alias, "override_settings.sd_model_checkpoint")
    if layers is not None:
        if not isinstance(layers, int) or layers < 1:
            raise inner.refusal("CLIP_stop_at_last_layers", "out_of_range", "It must be 1 or more.")
        given.say("clip_skip", layers - 1, "override_settings.CLIP_stop_at_last_layers")
