"""/v1/batches: many jobs in one request; and jobs that carry the same label, taken together."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal, cast

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from pydantic import BaseModel, Field, ValidationError

from producer.api.auth import MayRead, MaySubmit
from producer.api.batch_stream import MEDIA_TYPE, BatchStream, Sending
from producer.api.batch_views import BatchList, BatchView, batch_view, label_view
from producer.api.bodies import findings
from producer.api.dependencies import ServicesDep
from producer.api.idempotency import KEY_PARAMETER, key_of
from producer.api.problems import declared
from producer.api.queries import BatchListQuery, SendQuery
from producer.api.schemas import METADATA, BatchLabel
from producer.errors import Refusal
from producer.order import Hook
from producer.places import Places
from producer.services import Services
from storage.batch import BATCH_FINISHED
from storage.errors import BatchNotFound

router = APIRouter(prefix="/v1/batches", tags=["batches"])
BatchId = Annotated[BatchLabel, Path(description="A `batch_` id, or the label that jobs carry in `batch`.")]
BATCH_ID = re.compile(r"batch_[0-9a-z]{26}")

_EXAMPLE = """{"line": 1, "status": 202, "replayed": false, "job": {"id": "job_...", "status": "queued", ...}}
{"line": 2, "status": 422, "error": {"code": "mask_empty", ...}}
{"batch": {"id": "batch_...", "lines": {"read": 2, "accepted": 1, ...}, ...}, "error": null}
"""
_REF_ANSWER = {"$ref": "#/components/schemas/LineAnswer"}
_REF_SUMMARY = {"$ref": "#/components/schemas/BatchSummary"}
_LINES = {"schema": {"$ref": "#/components/schemas/JobLine"}}
_BODY: dict[str, Any] = {
    "requestBody": {"required": True, "content": {MEDIA_TYPE: _LINES}},
    "parameters": [KEY_PARAMETER],
}
_ANSWER: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "A line for each line of the body, in order, then a BatchSummary.",
        "content": {MEDIA_TYPE: {"schema": {"anyOf": [_REF_ANSWER, _REF_SUMMARY]}, "example": _EXAMPLE}},
    },
    **declared("idempotency_key_invalid", "media_type_unsupported", "body_too_large", "url_invalid", "batches_full"),
}


class CanceledBatch(BaseModel):
    """What canceling did; jobs that had ended before count in neither number."""

    id: str
    object: Literal["batch"] = "batch"
    canceled: int = Field(description="Jobs that waited and are canceled now.")
    stopping: int = Field(description="Running jobs that were told to stop and do within a denoising step.")


def _places(request: Request) -> Places:
    return cast(Places, request.app.state.batches)


@router.post("", response_class=Response, responses=_ANSWER, openapi_extra=_BODY, summary="Send many jobs at once")
async def send(
    request: Request,
    query: Annotated[SendQuery, Query()],
    principal: MaySubmit,
    services: ServicesDep,
    places: Annotated[Places, Depends(_places)],
) -> Response:
    """A body of lines, each the JSON object of `POST /v1/jobs`, up to 100,000 of them. It is read as it comes and
    answered as it goes: a line for each, `{"line", "status": 202, "job"}` or `{"line", "status", "error"}`, in order,
    and a summary at the end. A line that fails holds up no other.

    What was answered with 202 is stored. To go on after a broken connection, send the whole body again with the same
    `Idempotency-Key`: lines that had been accepted are answered with their jobs.
    """
    _check_type(request)
    sending = Sending(principal.tenant_id, key_of(request), _metadata(query.metadata), _hook(query), query.priority)
    if sending.hook is not None:
        services.submitter.check_hook(sending.hook)
    return BatchStream(services, places, sending)


@router.get("", responses=declared("field_unknown", "out_of_range", "wrong_format"), summary="List batches")
def page(query: Annotated[BatchListQuery, Query()], principal: MayRead, services: ServicesDep) -> BatchList:
    """Newest first. Follow `next_cursor` until it is null."""
    found = services.batches.page(principal.tenant_id, limit=query.limit, cursor=query.cursor)
    tallies = ((batch, services.batches.tally(batch.id, principal.tenant_id)) for batch in found.batches)
    return BatchList(data=[batch_view(*one) for one in tallies], next_cursor=found.next_cursor)


# A label may hold slashes, which arrive as part of the path; with a line break in it, it is no path.
@router.post(
    "/{batch:path}/cancel",
    responses=declared("route_not_found", "text_invalid", "wrong_length"),
    summary="Cancel a batch's jobs",
)
def cancel(batch: BatchId, principal: MaySubmit, services: ServicesDep) -> CanceledBatch:
    """Cancels every job of yours with this label, as canceling each would; a batch that is being sent takes no more
    lines. Safe to repeat.
    """
    done = services.jobs.cancel_batch(batch, principal.tenant_id)
    return CanceledBatch(id=batch, canceled=done.canceled, stopping=done.stopping)


@router.get(
    "/{batch:path}", responses=declared("batch_not_found", "text_invalid", "wrong_length"), summary="Read a batch"
)
def read(batch: BatchId, principal: MayRead, services: ServicesDep) -> BatchView:
    """How far it is."""
    return known(services, batch, principal.tenant_id)


def known(services: Services, label: str, tenant_id: str) -> BatchView:
    """The view of the tenant's batch, or of its jobs with this label. Raises BatchNotFound."""
    tally = services.batches.tally(label, tenant_id)
    if BATCH_ID.fullmatch(label):
        return batch_view(services.batches.get(label, tenant_id), tally)
    if not tally.total:
        raise BatchNotFound(f"no job carries the label {label}")
    return label_view(label, tally)


def _check_type(request: Request) -> None:
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if media_type != MEDIA_TYPE or encoding != "identity":
        message = f"A batch is sent as {MEDIA_TYPE}, one JSON object a line, without Content-Encoding."
        raise Refusal("media_type_unsupported", message)


def _metadata(text: str | None) -> dict[str, Any]:
    try:
        return {} if text is None else METADATA.validate_json(text)
    except ValidationError as error:
        found = findings(error, ())[0]
        raise Refusal.of_field("metadata", found.code, f"`metadata` must be a JSON object: {found.detail}") from None


def _hook(query: SendQuery) -> Hook | None:
    return None if query.webhook_url is None else Hook(query.webhook_url, (BATCH_FINISHED,))
