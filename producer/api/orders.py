"""From the body of POST /v1/jobs, JSON or form, to an Order. No judgement here: only whether it can be read."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError
from pydantic_core import from_json

from producer.api.bodies import findings, parsed
from producer.api.forms import Part
from producer.api.schemas import JobFields, JobRequest
from producer.errors import Refusal
from producer.order import FileRef, Hook, Order, Source, UrlRef
from storage.webhook import DEFAULT_EVENTS

FILE_ID = re.compile(r"file_[0-9a-z]{26}")
_JSON_FIELDS = ("output", "metadata", "webhook_events")
_PICTURES = ("image", "mask")


def order_from_json(body: bytes) -> Order:
    """The order in a JSON object. Types are taken strictly: "30" is not 30. Raises Refusal."""
    request = parsed(JobRequest, body)
    mask = None if request.mask is None else source_of(request.mask, "mask")
    return order_of(request, source_of(request.image, "image"), mask)


def order_from_form(parts: Mapping[str, Part]) -> Order:
    """The order in a form: pictures as files or as text, `output` and `metadata` as JSON text. Raises Refusal."""
    texts: dict[str, Any] = {name: part.text() for name, part in parts.items() if name not in _PICTURES}
    for name in _JSON_FIELDS:
        if name in texts:
            texts[name] = _json_field(name, texts[name])
    fields = fields_of(texts)
    if "image" not in parts:
        raise Refusal.of_field("image", "field_missing", "`image` is required.")
    mask = picture_of(parts["mask"]) if "mask" in parts else None
    return order_of(fields, picture_of(parts["image"]), mask)


def source_of(text: str, field: str) -> Source:
    """Where a picture is to come from: a file id, a URL, or the bytes of a data: URI. Raises Refusal."""
    if FILE_ID.fullmatch(text):
        return FileRef(text)
    if text.startswith("data:"):
        return _data_uri(text, field)
    if text.startswith(("https:", "http:")):
        return UrlRef(text)
    message = f"`{field}` must be the id of an uploaded file (file_...), an https: URL, or a data: URI with base64."
    raise Refusal.of_field(field, "source_invalid", message)


def _data_uri(text: str, field: str) -> bytes:
    header, comma, payload = text.partition(",")
    try:
        if comma and header.endswith(";base64"):
            return base64.b64decode(payload, validate=True)
    except (binascii.Error, ValueError):
        pass
    message = f"`{field}` must look like data:image/png;base64,iVBORw0...: standard base64, no line breaks."
    raise Refusal.of_field(field, "data_uri_invalid", message)


def picture_of(part: Part) -> Source:
    """Where the picture of a form is to come from: the file itself, or what its text names. Raises Refusal."""
    return bytes(part.data) if part.is_file else source_of(part.text(), part.name)


def fields_of(texts: Mapping[str, Any]) -> JobFields:
    """The fields of a form. Raises Refusal."""
    try:
        return JobFields.model_validate(texts)
    except ValidationError as error:
        raise Refusal.of_fields(findings(error, JobRequest.model_fields)) from None


def _json_field(name: str, text: str) -> Any:
    try:
        return from_json(text, allow_inf_nan=False)
    except ValueError as error:
        raise Refusal.of_field(name, "wrong_format", f"`{name}` must be JSON: {error}.") from None


def order_of(fields: JobFields, image: Source, mask: Source | None) -> Order:
    """The order that `fields` make of two pictures. Raises Refusal."""
    return Order(
        params=fields.params(),
        image=image,
        mask=mask,
        priority=fields.priority,
        deadline_seconds=fields.deadline_seconds,
        user=fields.user,
        metadata=fields.metadata,
        batch=fields.batch,
        hook=_hook(fields),
    )


def _hook(fields: JobFields) -> Hook | None:
    if fields.webhook_url is not None:
        return Hook(fields.webhook_url, tuple(fields.webhook_events or DEFAULT_EVENTS))
    if fields.webhook_events is not None:
        raise Refusal.of_field("webhook_url", "field_missing", "`webhook_url` is required with `webhook_events`.")
    return None
