"""/v1/jobs/{id}/events: a job's history as it happens, and how far it is."""

from __future__ import annotations

from typing import Annotated, Any, cast

from fastapi import APIRouter, Depends, Header, Request, Response

from producer.api.auth import MayRead
from producer.api.dependencies import JobId
from producer.api.event_stream import MEDIA_TYPE, EventStream
from producer.api.problems import declared
from producer.api.streams import Streams
from producer.telling import Telling

router = APIRouter(prefix="/v1/jobs/{job_id}/events", tags=["jobs"])

_EXAMPLE = """retry: 2000

id: evt_06f3kq5x6m8v2n4p7r9t1w3y5z
event: job.started
data: {"id": "evt_06f3kq5x6m8v2n4p7r9t1w3y5z", "type": "job.started", "job": "job_06f3kq5x6m8v2n4p7r9t1w3y5a", \
"attempt": 1, "at": "2026-01-02T03:04:05.678Z", "data": {}}

event: progress
data: {"type": "progress", "job": "job_06f3kq5x6m8v2n4p7r9t1w3y5a", "attempt": 1, "step": 12, "steps": 30}
"""
_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "Messages as they come. The `data` of one is an EventView or, under `progress`, a ProgressView.",
        "content": {MEDIA_TYPE: {"schema": {"type": "string"}, "example": _EXAMPLE}},
    },
    204: {"description": "The job has ended and you know of it: do not connect again."},
    **declared("job_not_found", "streams_full"),
}


async def _streams(request: Request) -> Streams:
    return cast(Streams, request.app.state.streams)


StreamsDep = Annotated[Streams, Depends(_streams)]
LastEventId = Annotated[
    str | None, Header(alias="Last-Event-ID", description="The `id` of the last message received: go on after it.")
]


@router.get("", response_class=Response, responses=_RESPONSES, summary="Stream a job's events")
async def stream(principal: MayRead, job_id: JobId, streams: StreamsDep, last_event_id: LastEventId = None) -> Response:
    """Server-sent events: the job's history from the start, or from `Last-Event-ID` on, then every event as it
    happens, and between them how far a running job is. It ends after the job's last event; until then, connect again
    with `Last-Event-ID` whenever it breaks.

    Events have an id and are never left out. Progress has none, is sent at most ten times a second, newest only, and
    may be missing. A comment comes every 15 seconds at least.
    """
    first = await streams.look(job_id, principal.tenant_id)
    telling = Telling(last_event_id, first.history)
    return Response(status_code=204) if telling.ended else EventStream(streams, first, telling)
