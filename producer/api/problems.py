"""Problems (RFC 9457): the one table of error codes, and how each kind of error becomes a response."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field

from producer.errors import ComeAgain, FieldError, Refusal

MEDIA_TYPE = "application/problem+json"
MAX_ERRORS = 32


@dataclass(frozen=True, slots=True)
class Code:
    """What a code means: its HTTP status, its title, and a sentence that says what to do about it."""

    status: int
    title: str
    advice: str


CODES: dict[str, Code] = {
    # The message as a whole
    "json_invalid": Code(400, "Not JSON", "Send a JSON object in UTF-8."),
    "form_invalid": Code(400, "Not a form", "Send multipart/form-data with a boundary and named parts."),
    "invalid_utf8": Code(400, "Not UTF-8", "Encode all text as UTF-8."),
    "http_invalid": Code(400, "Not a valid request", "Correct the request as the detail says."),
    "idempotency_key_invalid": Code(400, "Not an idempotency key", "Send 1 to 255 printable ASCII characters, once."),
    "key_missing": Code(401, "No API key", "Send the header Authorization: Bearer <key>."),
    "key_invalid": Code(401, "Unknown API key", "Check the key: it may be mistyped, expired or revoked."),
    "scope_missing": Code(403, "Key not allowed to do this", "Use a key that has the scope named in the detail."),
    "route_not_found": Code(404, "No such address", "See /docs for the addresses there are."),
    "tenant_suspended": Code(
        403, "Tenant suspended", "Nothing can be submitted; see the detail, and ask the operator."
    ),
    "job_not_found": Code(404, "No such job", "Check the id, and that the key belongs to the tenant of the job."),
    "batch_not_found": Code(404, "No such batch", "Check the id, and that the key belongs to its tenant."),
    "image_not_found": Code(404, "No such image", "Wait until the job has succeeded and use an index from `images`."),
    "file_unknown": Code(404, "No such file", "Check the id, and that the key belongs to the tenant of the file."),
    "webhook_not_found": Code(404, "No such webhook", "Check the id, and that the key belongs to its tenant."),
    "delivery_not_found": Code(404, "No such delivery", "Take an id from the deliveries of the webhook."),
    "event_not_found": Code(404, "No such event", "Send `last` of an earlier page, or the id of an event of yours."),
    "key_not_found": Code(404, "No such API key", "Take an id from GET /v1/keys; a key that has ended stays so."),
    "method_not_allowed": Code(405, "Method not allowed", "Use a method named in the header Allow."),
    "upload_missing": Code(409, "Nothing uploaded yet", "PUT the bytes to the `url` of the upload, then complete it."),
    "file_in_use": Code(409, "File in use", "Wait until the jobs that need it have ended, or cancel them."),
    "request_too_slow": Code(408, "Too slow", "Send the request again, over a faster connection or with less in it."),
    "upload_stalled": Code(408, "Upload stalled", "Send the batch again with the same Idempotency-Key."),
    "batch_closed": Code(409, "Batch closed", "Send the batch again, unless it was canceled or is being sent already."),
    "webhook_disabled": Code(409, "Webhook disabled", "Enable it: PATCH with disabled false."),
    "not_appealable": Code(409, "Not open to appeal", "See the detail; ask the operator if it seems wrong."),
    "webhook_limit": Code(409, "Too many webhooks", "Delete one first, or let one take more events."),
    "image_withdrawn": Code(410, "Image withdrawn", "See `safety.statement` of the job; you may appeal."),
    "image_gone": Code(410, "Image no longer stored", "Submit the job again with the seed in `params`."),
    "body_too_large": Code(413, "Body too large", "Send less, or smaller pictures."),
    "line_too_long": Code(413, "Line too long", "Upload large pictures to /v1/files and send their ids."),
    "media_type_unsupported": Code(415, "Unsupported media type", "Send application/json or multipart/form-data."),
    "too_many_requests": Code(429, "Too many requests", "Wait as many seconds as the header Retry-After says."),
    "queue_full": Code(429, "Queue full", "Wait until jobs have ended, at least as long as Retry-After says."),
    "cooling_down": Code(429, "End-user cooling down", "Refuse this `user` for as long as Retry-After says."),
    "headers_too_large": Code(431, "Head too large", "Send fewer and shorter header fields."),
    "internal": Code(500, "Internal error", "Try again; tell the operator if it stays."),
    "server_busy": Code(503, "Busy", "Wait as many seconds as the header Retry-After says."),
    "batches_full": Code(503, "Too many batches at once", "Wait as many seconds as the header Retry-After says."),
    "streams_full": Code(503, "Too many open streams", "Wait as Retry-After says, or ask for the job with `wait`."),
    "fetch_busy": Code(503, "Too many fetches", "Wait as Retry-After says, or upload the picture to /v1/files."),
    "detector_busy": Code(503, "Detector busy", "Wait as many seconds as the header Retry-After says."),
    "detector_off": Code(
        503, "No detector here", "Ask the operator: it takes INPAINTD_MARK_SECRET on the API as well."
    ),
    "storage_unavailable": Code(503, "Storage not reachable", "Try again in a few seconds."),
    # One or more fields
    "request_invalid": Code(422, "Request not valid", "Correct every field listed in `errors`."),
    "field_missing": Code(422, "Field missing", "Send the field."),
    "field_unknown": Code(422, "Unknown field", "Remove the field or correct its name."),
    "field_repeated": Code(422, "Field sent twice", "Send the field once."),
    "wrong_type": Code(422, "Wrong type", "Send a value of the type in the detail; null is not 0."),
    "out_of_range": Code(422, "Out of range", "Send a value within the limits in the detail."),
    "wrong_length": Code(422, "Wrong length", "Send a text whose length is within the limits in the detail."),
    "wrong_format": Code(422, "Wrong format", "Write the value as the detail says."),
    "not_a_choice": Code(422, "Not one of the choices", "Send one of the values in the detail."),
    "text_invalid": Code(422, "Text not storable", "Remove NUL characters from the text."),
    "metadata_invalid": Code(422, "Metadata not valid", "Send an object of at most 16 keys and 4096 bytes of JSON."),
    "not_supported": Code(422, "Not supported here", "Leave the field out, or send a value named in the detail."),
    "not_supported_yet": Code(422, "Not supported yet", "Send the value named in the detail, or leave the field out."),
    "idempotency_key_reused": Code(422, "Key of another request", "Send a new Idempotency-Key with this request."),
    "model_unknown": Code(422, "Unknown model", "Send an alias from GET /v1/models."),
    "model_unfit": Code(422, "Beyond the model", "Send what GET /v1/models shows for it, or another model."),
    "prompt_too_long": Code(422, "Prompt too long", "Shorten it, or set long_prompt to chunk or truncate."),
    "url_invalid": Code(422, "Not a URL to go to", "Send an https: URL of a public host."),
    "upload_mismatch": Code(422, "Not what was announced", "Send what was announced, or open another upload."),
    # Pictures
    "source_invalid": Code(422, "Not a picture source", "Send a file_ id, an https: URL, or a data: URI with base64."),
    "fetch_failed": Code(422, "Picture not fetched", "Open the URL yourself; what is the matter is in the detail."),
    "fetch_timeout": Code(422, "Picture too slow", "Try again, or upload the picture to /v1/files."),
    "fetch_too_large": Code(422, "Picture file too large", "Name a file within the limit in the detail."),
    "data_uri_invalid": Code(422, "Broken data: URI", "Send data:image/png;base64, followed by the base64 text."),
    "image_empty": Code(422, "Empty file", "Send the bytes of a picture."),
    "image_type_unsupported": Code(422, "Not an accepted picture", "Send a PNG, JPEG or WebP file."),
    "image_truncated": Code(422, "File ends too early", "Upload the whole file again."),
    "image_corrupt": Code(422, "File does not decode", "Save the picture again as PNG or JPEG."),
    "image_too_large": Code(422, "Too many pixels", "Scale the picture down to the limits in the detail."),
    "image_too_small": Code(422, "Too few pixels", "Scale the picture up to the size in the detail."),
    "image_animated": Code(422, "Animated picture", "Send a single frame."),
    "image_mode_unsupported": Code(422, "Colour mode not accepted", "Convert the picture to 8-bit RGB, RGBA or grey."),
    "mask_missing": Code(422, "No mask", "Send `mask`, or an image with transparent pixels."),
    "mask_alpha_missing": Code(422, "Mask without alpha", "Set mask_channel to luma or auto."),
    "mask_size_mismatch": Code(422, "Mask of another size", "Send a mask of the size of the image."),
    "mask_empty": Code(422, "Empty mask", "Paint the region to replace in white."),
    "file_not_found": Code(422, "No such file", "Upload the picture to /v1/files and use the id that comes back."),
}


class FieldProblem(BaseModel):
    """What is wrong with one field."""

    field: str = Field(description="Dotted path of the field, for example `output.quality`.")
    code: str
    detail: str


class Problem(BaseModel):
    """Any error of this interface. `code` is stable; titles and details are for people."""

    type: str = Field(description="URI reference that identifies the kind of problem.")
    title: str
    status: int
    detail: str
    code: str
    errors: list[FieldProblem] | None = Field(default=None, description="Present when single fields are at fault.")


def problem_response(
    code: str, detail: str, errors: tuple[FieldError, ...] = (), headers: Mapping[str, str] | None = None
) -> JSONResponse:
    """The response for `code`, which must be in CODES."""
    entry = CODES[code]
    body: dict[str, Any] = {
        "type": f"/problems/{code}",
        "title": entry.title,
        "status": entry.status,
        "detail": detail,
        "code": code,
    }
    if errors:
        shown = errors[:MAX_ERRORS]
        body["errors"] = [{"field": e.field, "code": e.code, "detail": e.detail} for e in shown]
    all_headers = dict(headers or {})
    if entry.status == 401:
        all_headers["WWW-Authenticate"] = "Bearer"
    return JSONResponse(body, entry.status, headers=all_headers, media_type=MEDIA_TYPE)


def refusal_response(refusal: Refusal) -> JSONResponse:
    """The response for a request that was refused."""
    later = {"Retry-After": str(max(1, math.ceil(refusal.retry_after)))} if isinstance(refusal, ComeAgain) else {}
    return problem_response(refusal.code, refusal.detail, refusal.errors, later)


def declared(*codes: str) -> dict[int | str, dict[str, Any]]:
    """OpenAPI responses for a route that may answer with `codes`, on top of those every route has."""
    responses: dict[int | str, dict[str, Any]] = {}
    for code in (
        "key_missing",
        "key_invalid",
        "scope_missing",
        *codes,
        "request_too_slow",
        "too_many_requests",
        "headers_too_large",
        "internal",
        "server_busy",
        "storage_unavailable",
    ):
        entry = CODES[code]
        response = responses.setdefault(entry.status, {"description": "", "content": {MEDIA_TYPE: _empty_content()}})
        response["description"] = f"{response['description']} `{code}`: {entry.title}.".strip()
        response["content"][MEDIA_TYPE]["examples"][code] = {"value": _example(code, entry)}
    return responses


def _empty_content() -> dict[str, Any]:
    return {"schema": {"$ref": "#/components/schemas/Problem"}, "examples": {}}


def _example(code: str, entry: Code) -> dict[str, Any]:
    return {
        "type": f"/problems/{code}",
        "title": entry.title,
        "status": entry.status,
        "detail": entry.advice,
        "code": code,
    }
