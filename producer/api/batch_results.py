"""/v1/batches/{id}/results: what became of each line, as lines or as a ZIP."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from typing import Annotated, Any, cast

from fastapi import APIRouter, Depends, Query, Request, Response
from starlette.responses import StreamingResponse
from starlette.types import Message, Receive, Scope, Send

from producer.api.auth import MayRead
from producer.api.batch_stream import HEADERS, MEDIA_TYPE
from producer.api.batch_views import ResultLine
from producer.api.batches import BatchId, known
from producer.api.dependencies import ServicesDep
from producer.api.outbox import STUCK_SECONDS
from producer.api.problems import declared
from producer.api.queries import ResultFormat, ResultQuery
from producer.api.views import job_view, shown_images
from producer.places import Places
from producer.results import BatchJobs
from producer.services import Services
from producer.zips import zipped
from storage.job import Job

router = APIRouter(prefix="/v1/batches", tags=["batches"])

ZIP = "application/zip"
LINK_SECONDS = 24 * 3600
_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "A ResultLine for each job, in the order in which they were sent; or a ZIP.",
        "content": {
            MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/ResultLine"}},
            ZIP: {"schema": {"type": "string", "format": "binary"}},
        },
    },
    **declared("batch_not_found", "text_invalid", "wrong_length", "not_a_choice", "batches_full"),
}


class Download(StreamingResponse):
    """Holds a place as long as it is being sent; a caller who takes nothing for a minute is let go."""

    def __init__(self, places: Places, tenant_id: str, content: Iterator[bytes], media_type: str) -> None:
        super().__init__(content, media_type=media_type, headers=HEADERS)
        self._places = places
        self._tenant_id = tenant_id

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Raises LimitReached and ComeAgain."""

        async def send_in_time(message: Message) -> None:
            async with asyncio.timeout(STUCK_SECONDS):
                await send(message)

        with self._places.taken(self._tenant_id), contextlib.suppress(TimeoutError):
            await super().__call__(scope, receive, send_in_time)


def _places(request: Request) -> Places:
    return cast(Places, request.app.state.downloads)


# A label may hold slashes, which arrive as part of the path.
@router.get("/{batch:path}/results", response_class=Response, responses=_RESPONSES, summary="Fetch a batch's results")
def results(
    request: Request,
    batch: BatchId,
    query: Annotated[ResultQuery, Query()],
    principal: MayRead,
    services: ServicesDep,
    places: Annotated[Places, Depends(_places)],
) -> Response:
    """A line for each job, whether it has ended or not: `{"line", "custom_id", "job", "links"}`. With `links`, a link
    for each image that is good for a day and leads past this service, where the object store has such links.

    `format=zip`, or `Accept: application/zip`: the finished images as `<line>-<custom_id>-<image>.png`, and a
    `manifest.ndjson` that says what became of every line.
    """
    known(services, batch, principal.tenant_id)
    jobs = BatchJobs(services.reader, principal.tenant_id, batch)
    accepts_zip = request.headers.get("accept", "").partition(";")[0].strip() == ZIP
    if query.format is ResultFormat.ZIP or (query.format is None and accepts_zip):
        download = Download(places, principal.tenant_id, zipped(jobs, services.objects), ZIP)
        download.headers["Content-Disposition"] = 'attachment; filename="results.zip"'
        return download
    return Download(places, principal.tenant_id, _lines(jobs, services, links=query.links), MEDIA_TYPE)


def _lines(jobs: BatchJobs, services: Services, *, links: bool) -> Iterator[bytes]:
    for page in jobs.pages():
        yield b"".join(_line(job, services, links=links) for job in page)


def _line(job: Job, services: Services, *, links: bool) -> bytes:
    asked_for = shown_images(job) if links and job.has_results else ()
    found = [services.objects.presign(image.key, LINK_SECONDS) for image in asked_for]
    line = ResultLine(line=job.line, custom_id=job.custom_id, job=job_view(job, None), links=found)
    return line.model_dump_json().encode() + b"\n"
