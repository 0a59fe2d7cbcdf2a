"""/a1111/sdapi/v1: img2img with a mask, progress, interrupt, and what clients ask for before they begin."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse

from producer.api.dependencies import JobId, ServicesDep
from producer.api.views import shown_images
from producer.dialects.a1111.errors import trouble_response
from producer.dialects.a1111.request import DIALECT, read_img2img
from producer.dialects.a1111.samplers import sampler_list
from producer.dialects.a1111.views import model_list, progress_view, result_view
from producer.dialects.callers import Callers
from producer.dialects.intake import store
from producer.dialects.json_body import JsonBody
from producer.dialects.origin import dialect_of
from producer.dialects.trouble import Trouble, trouble_of
from producer.dialects.waiting import at_rest
from producer.errors import Refusal
from producer.services import Services
from storage.aliases import DEFAULT
from storage.job import Job, JobState
from storage.job_reader import JobFilter
from storage.key_store import Principal

router = APIRouter(prefix="/sdapi/v1")
_CALLERS = Callers(("basic", "bearer"), "Authorization: Basic, with the key as password and any user name,")
MaySubmit = Annotated[Principal, Depends(_CALLERS.may("submit"))]
MayRead = Annotated[Principal, Depends(_CALLERS.may("read"))]
_MOST_RUNNING = 200


@router.post("/img2img")
async def img2img(request: Request, principal: MaySubmit, services: ServicesDep, body: JsonBody) -> Response:
    """Answers with the pictures once they are there; the header x-job-id is the id of the job."""
    found = await run_in_threadpool(read_img2img, body.root, services)
    return await _answer(request, services, await store(request, services, principal, found))


@router.get("/img2img/{job_id}")
async def read(request: Request, job_id: JobId, principal: MayRead, services: ServicesDep) -> Response:
    """Any job of the caller's, answered as its POST would be: for one that was held, or whose answer was lost."""
    job = await run_in_threadpool(services.reader.get, job_id, principal.tenant_id)
    return await _answer(request, services, job)


@router.post("/txt2img")
def txt2img(_caller: MaySubmit) -> None:
    """Refused."""
    raise Refusal("not_supported", "This service repaints parts of pictures: use img2img with `mask`.")


@router.get("/progress")
def progress(principal: MayRead, services: ServicesDep) -> dict[str, Any]:
    """Of the caller's own jobs of this interface."""
    return progress_view(_running(services, principal))


@router.post("/interrupt")
def interrupt(principal: MaySubmit, services: ServicesDep) -> dict[str, Any]:
    """Cancels the caller's running jobs of this interface, and nobody else's; what waits goes on."""
    return _cancel(services, _running(services, principal))


@router.post("/skip")
def skip(principal: MaySubmit, services: ServicesDep) -> dict[str, Any]:
    """Cancels the one that has been running longest."""
    return _cancel(services, _running(services, principal)[:1])


@router.get("/scripts")
def scripts(_caller: MayRead) -> dict[str, list[str]]:
    """None: clients ask before they send anything."""
    return {"txt2img": [], "img2img": []}


@router.get("/samplers")
def samplers(_caller: MayRead) -> list[dict[str, Any]]:
    """What `sampler_name` takes."""
    return sampler_list()


@router.get("/sd-models")
def models(_caller: MayRead, services: ServicesDep) -> list[dict[str, Any]]:
    """What `override_settings.sd_model_checkpoint` takes."""
    return model_list(services.models)


@router.get("/options")
def options(_caller: MayRead) -> dict[str, Any]:
    """The options that requests can override."""
    return {"sd_model_checkpoint": DEFAULT, "CLIP_stop_at_last_layers": 1}


@router.post("/options")
def set_options(_caller: MaySubmit) -> None:
    """Refused: they would change everybody's jobs."""
    raise Refusal("not_supported", "Options cannot be set for everybody: send `override_settings` with each request.")


async def _answer(request: Request, services: Services, job: Job) -> Response:
    job = await at_rest(request, job)
    if not shown_images(job):
        still = Trouble("still_waiting", f"{job.id} is {job.state.value}: read it again later.")
        return trouble_response(job, trouble_of(job) or still)
    return JSONResponse(await run_in_threadpool(result_view, services, job), headers={"x-job-id": job.id})


def _running(services: Services, principal: Principal) -> list[Job]:
    """Oldest first."""
    page = services.reader.page(principal.tenant_id, JobFilter(status=JobState.RUNNING), limit=_MOST_RUNNING)
    return [job for job in reversed(page.jobs) if dialect_of(job) == DIALECT]


def _cancel(services: Services, jobs: list[Job]) -> dict[str, Any]:
    for job in jobs:
        services.jobs.cancel(job.id, job.tenant_id)
    return {}
