"""An image edit as OpenAI's clients send it, translated."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from producer.api.forms import Part
from producer.api.orders import fields_of, picture_of
from producer.dialects.given import Given
from producer.dialects.intake import Understood, understood
from producer.dialects.models import alias_of
from producer.errors import Refusal
from producer.order import Source
from producer.services import Services
from storage.aliases import DEFAULT
from storage.params import MaskChannel
from storage.pictures import PictureError, open_picture

DIALECT = "openai"
MAX_PARTIAL_IMAGES = 3
_PICTURES = ("image", "image[]", "mask")
# Their names for models of their own, all of which `default` stands in for.
_THEIRS = ("gpt-image", "chatgpt-image", "dall-e")
_STEPS = {"low": 15, "medium": 30, "high": 50, "auto": None, "standard": None}
_TRUTH = {"true": True, "True": True, "1": True, "false": False, "False": False, "0": False}
_ALLOWED = {"background": ("auto",), "input_fidelity": ("high",), "moderation": ("auto",)}
_REFUSED = {
    "complexity": "these models do not plan",
    "frame_count": "there are no animations",
    "frame_duration_ms": "there are no animations",
    "markup": "draw a mask",
    "svg": "results are PNG, WebP or JPEG",
    "mask_channel": "the alpha channel of `mask` is read",
    "mask_invert": "the transparent part of `mask` is repainted",
}


@dataclass(frozen=True, slots=True)
class Manner:
    """How the caller wants to be answered; `partial_images` are previews at most, None without streaming."""

    as_url: bool
    partial_images: int | None


@dataclass(frozen=True, slots=True)
class Edit:
    """A request and the manner of its answer."""

    understood: Understood
    manner: Manner


def read_edit(parts: Mapping[str, Part], services: Services) -> Edit:
    """What a form asks for. Fields of ours, such as `steps` or `seed`, may stand beside OpenAI's. Raises Refusal."""
    # Before anything is read: `markup` is no text.
    Given(dict.fromkeys(parts, "")).refuse(_REFUSED)
    given = Given({name: part.text() for name, part in parts.items() if name not in _PICTURES})
    image, mask = _pictures(parts)
    given.accept(_ALLOWED)
    manner = _manner(given)
    _translate(given, services)
    _check_size(given, image, services)
    if mask is not None:
        # Alpha 0 is what is to be edited: the inverse of ours.
        given.native |= {"mask_channel": MaskChannel.ALPHA, "mask_invert": True}
    return Edit(understood(given, DIALECT, image, mask, fields_of), manner)


def _pictures(parts: Mapping[str, Part]) -> tuple[Source, Source | None]:
    sent = [parts[name] for name in ("image", "image[]") if name in parts]
    if len(sent) != 1:
        raise Refusal.of_field("image", "field_missing", "Send exactly one `image`.")
    return picture_of(sent[0]), picture_of(parts["mask"]) if "mask" in parts else None


def _manner(given: Given) -> Manner:
    streams = given.take("stream", "false")
    partial = given.take("partial_images", "0")
    shape = given.take("response_format", "b64_json")
    if streams not in _TRUTH:
        raise given.refusal("stream", "wrong_type", "`stream` must be true or false.")
    if not (partial.isdigit() and len(partial) == 1 and int(partial) <= MAX_PARTIAL_IMAGES):
        raise given.refusal("partial_images", "out_of_range", f"`partial_images` must be 0 to {MAX_PARTIAL_IMAGES}.")
    if partial != "0" and not _TRUTH[streams]:
        raise given.refusal("partial_images", "not_supported", "`partial_images` takes `stream`.")
    if shape not in ("b64_json", "url") or (shape == "url" and _TRUTH[streams]):
        raise given.refusal("response_format", "not_a_choice", "It must be b64_json, or url without `stream`.")
    return Manner(as_url=shape == "url", partial_images=int(partial) if _TRUTH[streams] else None)


def _translate(given: Given, services: Services) -> None:
    given.rename({"n": "num_images", "safety_identifier": "user"})
    given.choose("quality", "steps", _STEPS)
    model = given.take("model")
    if model is not None:
        stands_for_ours = model not in services.models and model.startswith(_THEIRS)
        given.say("model", DEFAULT if stands_for_ours else alias_of(model, services.models), "model")
    output = _output(given)
    if output:
        given.say("output", output, "output_format")


def _output(given: Given) -> dict[str, Any]:
    kind, quality = given.take("output_format"), given.take("output_compression")
    if kind not in (None, "png", "webp", "jpeg"):
        raise given.refusal("output_format", "not_a_choice", "It must be png, webp or jpeg.")
    output = {} if kind is None else {"format": kind}
    if quality is None:
        return output
    if kind not in ("webp", "jpeg") or not quality.isdigit() or len(quality) > 3 or int(quality) > 100:
        message = "`output_compression` is 0 to 100 and takes `output_format` webp or jpeg."
        raise given.refusal("output_compression", "out_of_range", message)
    return {**output, "quality": max(1, int(quality))}


def _check_size(given: Given, image: Source, services: Services) -> None:
    size = given.take("size", "auto")
    if size == "auto":
        return
    message = "Results have the size of `image`: leave `size` out, or scale the picture yourself."
    if isinstance(image, bytes):
        try:
            picture = open_picture(image, max_pixels=services.settings.max_pixels)
        except PictureError as error:
            raise Refusal.of_field("image", error.code, error.message) from error
        if size == f"{picture.width}x{picture.height}":
            return
        message = f"{message} It is {picture.width}x{picture.height}."
    raise given.refusal("size", "not_supported", message)
