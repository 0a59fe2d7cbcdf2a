"""A prediction as Replicate's clients ask for it, translated."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from producer.api.orders import FILE_ID, source_of
from producer.api.schemas import WebhookUrl
from producer.dialects.given import Given
from producer.dialects.intake import Understood, hook_of, understood
from producer.dialects.models import alias_of
from producer.dialects.replicate.versions import alias_of_version
from producer.errors import Refusal
from producer.order import Hook, Source
from producer.services import Services
from storage.job import TERMINAL

DIALECT = "replicate"
_SAME = {
    "num_outputs": "num_images",
    "num_inference_steps": "steps",
    "prompt_strength": "strength",
}
_SCHEDULERS = {
    "DDIM": "ddim",
    "PNDM": "pndm",
    "K_EULER": "euler",
    "K_EULER_ANCESTRAL": "euler_ancestral",
    "DPMSolverMultistep": "dpmpp_2m",
}
_EVENTS = {
    "start": ("job.started",),
    "output": ("job.succeeded",),
    "completed": tuple(f"job.{state}" for state in TERMINAL),
}
_PERIOD = re.compile(r"(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?|(\d+)")


Filter = Annotated[list[Literal["start", "output", "logs", "completed"]], Field(max_length=4)]


class PredictionRequest(BaseModel):
    """The body of POST /v1/predictions."""

    model_config = ConfigDict(extra="forbid")

    input: dict[str, Any]
    version: str | None = None
    webhook: WebhookUrl | None = None
    webhook_events_filter: Filter | None = None
    stream: bool | None = Field(None, description="Every prediction can be streamed; this changes nothing.")


def read_prediction(
    asked: PredictionRequest, model: str | None, headers: Mapping[str, str], base: str, services: Services
) -> Understood:
    """The order in a body sent to `model` (owner/name), or to the version it names. Raises Refusal."""
    given = Given(asked.input, "input.")
    given.names |= {"image": "input.image", "mask": "input.mask", "webhook_url": "webhook"}
    image, mask = _picture(given, "image", base), _picture(given, "mask", base)
    if image is None:
        raise given.refusal("image", "field_missing", "`input.image` is required.")
    given.accept({"disable_safety_checker": (False,)})
    given.rename(_SAME)
    _choose_scheduler(given)
    _choose_model(given, asked.version, model, services)
    _choose_output(given)
    if "cancel-after" in headers:
        given.say("deadline_seconds", _seconds(headers["cancel-after"]), "Cancel-After")
    found = understood(given, DIALECT, image, mask)
    return replace(found, order=replace(found.order, hook=_hook(asked, services)))


def own_file(text: str, base: str) -> str:
    """The id of a file whose address at this service is `text`; else `text`."""
    found = text.removeprefix(f"{base}/replicate/v1/files/")
    return found if FILE_ID.fullmatch(found) else text


def _picture(given: Given, name: str, base: str) -> Source | None:
    text = given.take(name)
    if text is None:
        return None
    if not isinstance(text, str):
        raise given.refusal(name, "wrong_type", f"`{given.full(name)}` must be text: a file's URL or a data: URI.")
    return source_of(own_file(text, base), given.full(name))


def _choose_scheduler(given: Given) -> None:
    own = {name: name for name in _SCHEDULERS.values()}
    given.choose("scheduler", "scheduler", {**_SCHEDULERS, **own, "default": "default", "unipc": "unipc", "lcm": "lcm"})


def _choose_model(given: Given, version: str | None, model: str | None, services: Services) -> None:
    if version is not None:
        given.say("model", alias_of_version(version, services.models), "version")
    elif model is not None:
        given.say("model", alias_of(model, services.models), "model")
    else:
        message = "Send `version`, or post to /v1/models/{owner}/{name}/predictions."
        raise Refusal.of_field("version", "field_missing", message)


def _choose_output(given: Given) -> None:
    kind, quality = given.take("output_format"), given.take("output_quality")
    output = {"format": "jpeg" if kind == "jpg" else kind, "quality": quality}
    if kind is not None or quality is not None:
        given.say("output", {name: value for name, value in output.items() if value is not None}, "output_format")
        given.names |= {"output.format": given.full("output_format"), "output.quality": given.full("output_quality")}


def _seconds(text: str) -> float:
    """Seconds of a period such as 90s, 1m30s or 2h; a bare number is seconds. Raises Refusal."""
    found = _PERIOD.fullmatch(text.strip())
    if not found or not any(found.groups()):
        raise Refusal.of_field("Cancel-After", "wrong_format", "Cancel-After looks like 90s, 1m30s or 2h.")
    hours, minutes, seconds, bare = (float(part or 0) for part in found.groups())
    return hours * 3600 + minutes * 60 + seconds + bare


def _hook(asked: PredictionRequest, services: Services) -> Hook | None:
    wanted = asked.webhook_events_filter
    if asked.webhook is None:
        if wanted is not None:
            raise Refusal.of_field("webhook", "field_missing", "`webhook` is required with `webhook_events_filter`.")
        return None
    if wanted is not None and ("logs" in wanted or not wanted):
        message = "It takes start, output and completed, one at least; logs are read by polling or streaming."
        raise Refusal.of_field("webhook_events_filter", "not_supported", message)
    events = (event for name in wanted or _EVENTS for event in _EVENTS[name])
    return hook_of(services, "webhook", asked.webhook, events)
