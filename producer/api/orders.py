"""From the body of POST /v1/jobs, JSON or form, to an Order. No judgement here: only whether it can be read."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError
from pydantic_core import from_json

from producer.api.field_errors import field_errors
from producer.api.forms import Part, decoded
from producer.api.schemas import JobFields, JobRequest
from producer.errors import FieldError, Refusal
from producer.order import FileRef, Order, Source
from producer.unsupported import not_yet

FILE_ID = re.compile(r"file_[0-9a-z]{26}")
_JSON_FIELDS = ("output", "metadata")
_PICTURES = ("image", "mask")


def order_from_json(body: bytes) -> Order:
    """The order in a JSON object. Types are taken strictly: "30" is not 30. Raises Refusal."""
    try:
        request = JobRequest.model_validate_json(body, strict=True)
    except ValidationError as error:
        raise _unreadable(error, body) from None
    mask = None if request.mask is None else source_of(request.mask, "mask")
    return _order(request, source_of(request.image, "image"), mask)


def order_from_form(parts: Mapping[str, Part]) -> Order:
    """The order in a form: pictures as files or as text, `output` and `metadata` as JSON text. Raises Refusal."""
    texts: dict[str, Any] = {name: part.text() for name, part in parts.items() if name not in _PICTURES}
    for name in _JSON_FIELDS:
        if name in texts:
            texts[name] = _json_field(name, texts[name])
    fields = _validated(texts)
    if "image" not in parts:
        raise Refusal.of_field("image", "field_missing", "`image` is required.")
    mask = _picture(parts["mask"]) if "mask" in parts else None
    return _order(fields, _picture(parts["image"]), mask)


def source_of(text: str, field: str) -> Source:
    """Where a picture is to come from: a file id, or the bytes of a data: URI. Raises Refusal."""
    if FILE_ID.fullmatch(text):
        return FileRef(text)
    if text.startswith("data:"):
        return _data_uri(text, field)
    if text.startswith(("https:", "http:")):
        raise Refusal.of_fields([not_yet(field, "fetching a URL")])
    message = f"`{field}` must be the id of an uploaded file (file_...) or a data: URI with base64."
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


def _picture(part: Part) -> Source:
    return bytes(part.data) if part.is_file else source_of(part.text(), part.name)


def _validated(texts: Mapping[str, Any]) -> JobFields:
    try:
        return JobFields.model_validate(texts)
    except ValidationError as error:
        raise Refusal.of_fields(_found(error)) from None


def _json_field(name: str, text: str) -> Any:
    try:
        return from_json(text, allow_inf_nan=False)
    except ValueError as error:
        raise Refusal.of_field(name, "wrong_format", f"`{name}` must be a JSON object: {error}.") from None


def _unreadable(error: ValidationError, body: bytes) -> Refusal:
    found = error.errors(include_url=False, include_input=False, include_context=False)
    if found[0]["type"] == "json_invalid":
        decoded(body, "The body")
        return Refusal("json_invalid", f"{found[0]['msg']}.")
    if found[0]["type"] == "model_type" and not found[0]["loc"]:
        return Refusal("json_invalid", "The body must be a JSON object.")
    return Refusal.of_fields(_found(error))


def _found(error: ValidationError) -> list[FieldError]:
    known = JobRequest.model_fields
    return field_errors(error.errors(include_url=False, include_input=False, include_context=False), known)


def _order(fields: JobFields, image: Source, mask: Source | None) -> Order:
    later = {"webhook_url": fields.webhook_url, "webhook_events": fields.webhook_events}
    refused = [not_yet(name, value) for name, value in later.items() if value is not None]
    if refused:
        raise Refusal.of_fields(refused)
    return Order(
        params=fields.params(),
        image=image,
        mask=mask,
        priority=fields.priority,
        deadline_seconds=fields.deadline_seconds,
        user=fields.user,
        metadata=fields.metadata,
        batch=fields.batch,
    )
