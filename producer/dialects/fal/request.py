"""A request as fal's client puts it into the queue, translated."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from producer.api.orders import source_of
from producer.dialects.given import Given
from producer.dialects.intake import Understood, hook_of, understood
from producer.dialects.models import alias_of
from producer.errors import Refusal
from producer.order import Source
from producer.services import Services
from storage.job import TERMINAL

DIALECT = "fal"
_SAME = {"num_inference_steps": "steps"}
_PRIORITIES = {"normal": "standard", "low": "bulk"}
_REFUSED_HEADERS = {
    "x-fal-no-retry": "a job whose worker fails is always tried again",
    "x-fal-store-io": "what is kept, and how long, is the operator's choice",
    "x-fal-object-lifecycle-preference": "what is kept, and how long, is the operator's choice",
}


def read_submission(
    body: Mapping[str, Any], app: str, webhook: str | None, headers: Mapping[str, str], services: Services
) -> Understood:
    """The order in a body sent to `app` (owner/name, perhaps with a path). Raises Refusal."""
    given = Given(body)
    given.names |= {"image": "image_url", "mask": "mask_url", "webhook_url": "fal_webhook"}
    image, mask = _picture(given, "image_url"), _picture(given, "mask_url")
    if image is None:
        raise given.refusal("image_url", "field_missing", "`image_url` is required.")
    given.accept({"enable_safety_checker": (True,), "sync_mode": (False,)})
    given.refuse({"model": "the application in the path says it", "image_size": "results have the size of the image"})
    given.rename(_SAME)
    given.say("model", alias_of(app, services.models), "application")
    _choose_output(given)
    _headers(given, headers)
    found = understood(given, DIALECT, image, mask)
    if webhook is None:
        return found
    hook = hook_of(services, "fal_webhook", webhook, (f"job.{state}" for state in TERMINAL))
    return replace(found, order=replace(found.order, hook=hook))


def _picture(given: Given, name: str) -> Source | None:
    text = given.take(name)
    if text is not None and not isinstance(text, str):
        raise given.refusal(name, "wrong_type", f"`{name}` must be a URL, a data: URI or the id of a file.")
    return None if text is None else source_of(text, name)


def _choose_output(given: Given) -> None:
    kind = given.take("output_format")
    if kind is not None:
        given.say("output", {"format": kind}, "output_format")
        given.names["output.format"] = "output_format"


def _headers(given: Given, headers: Mapping[str, str]) -> None:
    for name, reason in _REFUSED_HEADERS.items():
        if name in headers:
            raise Refusal.of_field(name, "not_supported", f"The header {name} is not supported here: {reason}.")
    priority, seconds = headers.get("x-fal-queue-priority"), headers.get("x-fal-request-timeout")
    if priority is not None:
        if priority not in _PRIORITIES:
            raise Refusal.of_field("x-fal-queue-priority", "not_a_choice", "It must be normal or low.")
        given.say("priority", _PRIORITIES[priority], "x-fal-queue-priority")
    if seconds is not None:
        given.say("deadline_seconds", _number(seconds), "x-fal-request-timeout")


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise Refusal.of_field("x-fal-request-timeout", "wrong_type", "It must be a number of seconds.") from None
