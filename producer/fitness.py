"""What the chosen model cannot do is refused at the door, not found out by a worker."""

from __future__ import annotations

from collections.abc import Iterator

from producer.errors import FieldError, Refusal
from storage.models import ModelDescriptor
from storage.params import InpaintParams

CODE = "model_unfit"


def refuse_unfit(params: InpaintParams, model: ModelDescriptor) -> None:
    """Raises Refusal `model_unfit`, naming every field of the resolved `params` that is beyond `model`."""
    if errors := list(_beyond(params, model)):
        raise Refusal.of_fields(errors)


def _beyond(params: InpaintParams, model: ModelDescriptor) -> Iterator[FieldError]:
    most = {"width": model.can.max_size, "height": model.can.max_size, "clip_skip": model.can.max_clip_skip}
    for field, limit in most.items():
        if (asked := getattr(params, field)) > limit:
            yield FieldError(field, CODE, f"It is {asked}; the model {model.alias!r} takes {limit} at most.")
    if params.scheduler not in model.can.schedulers:
        known = ", ".join(model.can.schedulers)
        yield FieldError("scheduler", CODE, f"The model {model.alias!r} runs {known}; {params.scheduler} it does not.")
