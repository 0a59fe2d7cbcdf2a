"""POST /openai/v1/images/edits, and GET of one by the job's id, for whoever was told to come back."""

from __future__ import annotations

from typing import Annotated, cast

from fastapi import APIRouter, Depends, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse

from producer.api.dependencies import JobId, ServicesDep
from producer.api.event_stream import EventStream
from producer.api.forms import read_form
from producer.api.streams import Streams
from producer.api.views import shown_images
from producer.dialects.callers import Callers
from producer.dialects.intake import store
from producer.dialects.openai.edit import Manner, read_edit
from producer.dialects.openai.errors import trouble_response
from producer.dialects.openai.stream import EditWording
from producer.dialects.openai.views import images_response
from producer.dialects.trouble import Trouble, trouble_of
from producer.dialects.waiting import at_rest
from producer.errors import Refusal
from producer.services import Services
from producer.telling import Telling
from storage.job import Job
from storage.key_store import Principal

router = APIRouter()
_CALLERS = Callers(("bearer",), "Authorization: Bearer <key>")
MaySubmit = Annotated[Principal, Depends(_CALLERS.may("submit"))]
MayRead = Annotated[Principal, Depends(_CALLERS.may("read"))]


@router.post("/v1/images/edits")
async def edit(request: Request, principal: MaySubmit, services: ServicesDep) -> Response:
    """Answers with the pictures once they are there; the header x-request-id is the id of the job."""
    if not request.headers.get("content-type", "").lower().startswith("multipart/form-data"):
        raise Refusal("media_type_unsupported", "Send multipart/form-data with `image`, `mask` and `prompt`.")
    asked = await run_in_threadpool(read_edit, await read_form(request), services)
    job = await store(request, services, principal, asked.understood)
    if asked.manner.partial_images is not None:
        return await _stream(request, services, job, asked.manner.partial_images)
    return await _answer(request, services, job, asked.manner)


@router.get("/v1/images/edits/{job_id}")
async def read(request: Request, job_id: JobId, principal: MayRead, services: ServicesDep) -> Response:
    """Any job of the caller's, answered as its POST would be: for one that was held, or whose answer was lost."""
    job = await run_in_threadpool(services.reader.get, job_id, principal.tenant_id)
    return await _answer(request, services, job, Manner(as_url=False, partial_images=None))


async def _answer(request: Request, services: Services, job: Job, manner: Manner) -> Response:
    job = await at_rest(request, job)
    if not shown_images(job):
        still = Trouble("still_waiting", f"{job.id} is {job.state.value}: read it again later.")
        return trouble_response(job, trouble_of(job) or still)
    body = await run_in_threadpool(images_response, services, job, as_url=manner.as_url)
    return JSONResponse(body, headers=_headers(job))


async def _stream(request: Request, services: Services, job: Job, partial_images: int) -> Response:
    streams = cast(Streams, request.app.state.streams)
    first = await streams.look(job.id, job.tenant_id)
    response = EventStream(streams, first, Telling(None, first.history), EditWording(services, partial_images))
    response.headers.update(_headers(job))
    return response


def _headers(job: Job) -> dict[str, str]:
    return {"x-request-id": job.id, "openai-model": f"{job.params.model} ({job.model['name']})"}
