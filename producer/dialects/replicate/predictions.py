"""/replicate/v1/predictions: create, read, list, cancel, stream."""

from __future__ import annotations

import re
from typing import Annotated, Any, cast

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.concurrency import run_in_threadpool

from producer.api.bodies import body_of
from producer.api.dependencies import JobId, ServicesDep, waiting_of
from producer.api.event_stream import EventStream
from producer.api.streams import Streams
from producer.dialects.addresses import image_urls
from producer.dialects.intake import store
from producer.dialects.links import base_of
from producer.dialects.replicate.callers import MayRead, MaySubmit
from producer.dialects.replicate.output import full_prediction
from producer.dialects.replicate.prediction import prediction_of
from producer.dialects.replicate.request import PredictionRequest, read_prediction
from producer.dialects.replicate.stream import PredictionWording
from producer.services import Services
from producer.telling import Telling
from storage.job import Job
from storage.job_reader import JobFilter
from storage.key_store import Principal
from storage.outlook import Foreseen

router = APIRouter()
PAGE = 100
_WAIT = re.compile(r"wait(?:=(\d{1,4}))?")
_MOST_SECONDS = 60
Body = Annotated[PredictionRequest, Depends(body_of(PredictionRequest))]
Cursor = Annotated[str | None, Query(pattern=r"^job_[0-9a-z]{26}$")]


@router.post("/v1/predictions", status_code=201)
async def create(request: Request, principal: MaySubmit, services: ServicesDep, body: Body) -> Response:
    """A prediction of the model that `version` names."""
    return await _create(request, principal, services, body, None)


@router.post("/v1/models/{owner}/{name}/predictions", status_code=201)
async def create_of_model(
    request: Request, principal: MaySubmit, services: ServicesDep, body: Body, owner: str, name: str
) -> Response:
    """A prediction of this model."""
    return await _create(request, principal, services, body, f"{owner}/{name}")


@router.get("/v1/predictions")
def listed(request: Request, principal: MayRead, services: ServicesDep, cursor: Cursor = None) -> dict[str, Any]:
    """All jobs of the caller, newest first, whichever way they came in. Outputs are addresses that take the key."""
    page = services.reader.page(principal.tenant_id, JobFilter(), limit=PAGE, cursor=cursor)
    base = base_of(request, services)
    link = f"{base}/replicate/v1/predictions?cursor={page.next_cursor}"
    results = [_brief(job, base) for job in page.jobs]
    return {"previous": None, "next": link if page.next_cursor else None, "results": results}


@router.get("/v1/predictions/{job_id}")
def read(request: Request, job_id: JobId, principal: MayRead, services: ServicesDep) -> Response:
    """Any job of the caller, whichever way it came in."""
    return _response(request, services, services.reader.get(job_id, principal.tenant_id))


@router.post("/v1/predictions/{job_id}/cancel")
def cancel(request: Request, job_id: JobId, principal: MaySubmit, services: ServicesDep) -> Response:
    """As the native cancel: at once while it waits, within a denoising step while it runs."""
    return _response(request, services, services.jobs.cancel(job_id, principal.tenant_id))


@router.get("/v1/predictions/{job_id}/stream")
async def stream(request: Request, job_id: JobId, principal: MayRead, services: ServicesDep) -> Response:
    """Server-sent events until the job has ended."""
    streams = cast(Streams, request.app.state.streams)
    first = await streams.look(job_id, principal.tenant_id)
    wording = PredictionWording(services, base_of(request, services))
    return EventStream(streams, first, Telling(None, first.history), wording)


async def _create(
    request: Request, principal: Principal, services: Services, body: PredictionRequest, model: str | None
) -> Response:
    seconds, base = _wait_seconds(request), base_of(request, services)
    found = await run_in_threadpool(read_prediction, body, model, request.headers, base, services)
    job = await store(request, services, principal, found)
    if seconds:
        job = (await waiting_of(request).until_settled(request, Foreseen(job, None), seconds)).job
    prediction = await run_in_threadpool(full_prediction, services, job, base)
    if not job.is_terminal:
        # The client's run() takes `processing` for an end without output; from `starting` it goes on asking.
        prediction = prediction.model_copy(update={"status": "starting"})
    return Response(prediction.model_dump_json(), 201, media_type="application/json")


def _wait_seconds(request: Request) -> int:
    """How long the header Prefer asks to wait (RFC 7240), 0 to 60. What it says besides may be passed over."""
    for preference in request.headers.get("prefer", "").split(","):
        if found := _WAIT.fullmatch(preference.strip()):
            return min(int(found[1] or _MOST_SECONDS), _MOST_SECONDS)
    return 0


def _brief(job: Job, base: str) -> dict[str, Any]:
    return prediction_of(job, base, image_urls(base, job)).model_dump(mode="json")


def _response(request: Request, services: Services, job: Job) -> Response:
    prediction = full_prediction(services, job, base_of(request, services))
    return Response(prediction.model_dump_json(), media_type="application/json")
