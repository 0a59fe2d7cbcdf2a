"""/fal/{owner}/{app}: submit, status, result, cancel, as in fal's queue."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse

from producer.api.dependencies import JobId, ServicesDep
from producer.dialects.callers import Callers
from producer.dialects.fal.errors import trouble_response
from producer.dialects.fal.request import read_submission
from producer.dialects.fal.views import result_view, status_view, submitted_view
from producer.dialects.intake import store
from producer.dialects.json_body import JsonBody
from producer.dialects.links import base_of, open_urls
from producer.dialects.trouble import trouble_of
from producer.services import Services
from storage.job import Job
from storage.key_store import Principal

router = APIRouter()
_CALLERS = Callers(("key", "bearer"), "Authorization: Key <key>")
MaySubmit = Annotated[Principal, Depends(_CALLERS.may("submit"))]
MayRead = Annotated[Principal, Depends(_CALLERS.may("read"))]
Webhook = Annotated[str | None, Query(min_length=1, max_length=1000)]


@router.get("/{owner}/{app}/requests/{job_id}/status")
def status(
    request: Request, owner: str, app: str, job_id: JobId, principal: MayRead, services: ServicesDep
) -> Response:
    """Any job of the caller, whichever way it came in. Logs are there whether asked for or not."""
    job = services.reader.get(job_id, principal.tenant_id)
    url = _url(request, services, f"{owner}/{app}", job)
    view = status_view(job, url, services.reader.queue_position(job))
    return JSONResponse(view, 200 if job.is_terminal else 202)


@router.get("/{owner}/{app}/requests/{job_id}")
def result(owner: str, app: str, job_id: JobId, principal: MayRead, services: ServicesDep) -> Response:  # noqa: ARG001
    """The result of a job that has ended; of one that failed, why, with a status of 4xx or 5xx."""
    job = services.reader.get(job_id, principal.tenant_id)
    trouble = trouble_of(job)
    if not job.is_terminal:
        still = trouble.message if trouble else "Request is still in progress."
        return JSONResponse({"detail": still, "error_type": "still_in_progress"}, 400)
    return trouble_response(trouble) if trouble else JSONResponse(result_view(job, open_urls(services, job)))


@router.put("/{owner}/{app}/requests/{job_id}/cancel")
def cancel(owner: str, app: str, job_id: JobId, principal: MaySubmit, services: ServicesDep) -> Response:  # noqa: ARG001
    """202 for a job that had not ended, 400 for one that had."""
    if services.reader.get(job_id, principal.tenant_id).is_terminal:
        return JSONResponse({"status": "ALREADY_COMPLETED", "detail": "The job has ended."}, 400)
    services.jobs.cancel(job_id, principal.tenant_id)
    return JSONResponse({"status": "CANCELLATION_REQUESTED"}, 202)


# Last, for its path matches whatever has three parts.
@router.post("/{owner}/{app}")
@router.post("/{owner}/{app}/{path:path}")
async def submit(
    request: Request,
    owner: str,
    app: str,
    principal: MaySubmit,
    services: ServicesDep,
    body: JsonBody,
    path: str = "",
    fal_webhook: Webhook = None,
) -> dict[str, Any]:
    """Puts a request into the queue."""
    named = "/".join(part for part in (owner, app, path) if part)
    found = await run_in_threadpool(read_submission, body.root, named, fal_webhook, request.headers, services)
    job = await store(request, services, principal, found)
    return submitted_view(job, _url(request, services, f"{owner}/{app}", job))


def _url(request: Request, services: Services, app: str, job: Job) -> str:
    return f"{base_of(request, services)}/fal/{app}/requests/{job.id}"
