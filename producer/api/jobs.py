"""/v1/jobs: submit, read, list, cancel."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from fastapi.concurrency import run_in_threadpool

from producer.api.auth import MayRead, MaySubmit
from producer.api.dependencies import JobId, ServicesDep
from producer.api.forms import read_form
from producer.api.idempotency import PARAMETERS, Copies, accepted
from producer.api.orders import order_from_form, order_from_json
from producer.api.problems import CODES, declared
from producer.api.queries import ListQuery, ReadQuery, SubmitQuery
from producer.api.views import JobList, JobView, job_view
from producer.api.waiting import until_settled
from producer.errors import Refusal
from producer.order import Order
from producer.services import Services
from producer.unsupported import not_yet
from storage.job import Job
from storage.job_reader import JobFilter

router = APIRouter(prefix="/v1/jobs", tags=["jobs"])

_JSON = {"schema": {"$ref": "#/components/schemas/JobRequest"}}
_FORM = {"schema": {"$ref": "#/components/schemas/JobForm"}}
_CONTENT = {"application/json": _JSON, "multipart/form-data": _FORM}
_BODY: dict[str, Any] = {"requestBody": {"required": True, "content": _CONTENT}, "parameters": PARAMETERS}
_SUBMIT_CODES = (
    "idempotency_key_invalid",
    "queue_full",
    "cooling_down",
    "json_invalid",
    "form_invalid",
    "invalid_utf8",
    "body_too_large",
    "media_type_unsupported",
    "fetch_busy",
    *(code for code, entry in CODES.items() if entry.status == 422),
)


@router.post(
    "",
    status_code=202,
    response_model=JobView,
    responses=declared(*_SUBMIT_CODES),
    openapi_extra=_BODY,
    summary="Submit a job",
)
async def submit(
    request: Request, query: Annotated[SubmitQuery, Query()], principal: MaySubmit, services: ServicesDep
) -> Response:
    """Answers 202 with the job, which is then safely stored. A request the policy forbids comes back as a job that
    is `blocked` and names its rule; one that needs a person is `held`. A seed of null or -1 is drawn and echoed.

    With an `Idempotency-Key`, the same request gets the same answer for 24 hours, with `Idempotent-Replayed: true`;
    refusals and dry runs are not kept.

    As a form, `image` and `mask` are files, `output` and `metadata` are JSON, everything else is text.
    """
    if query.dry_run:
        raise Refusal.of_fields([not_yet("dry_run", True, False)])
    copies = Copies(request)
    order = copies.mark(await _read_order(request))
    submitted = await run_in_threadpool(services.submitter.submit, principal.tenant_id, order)
    job = submitted.job
    answer = await copies.kept(services, job.tenant_id) if submitted.replayed else None
    if answer is None:
        view = await _settled_view(request, services, job, query.wait)
        answer = await copies.keep(services, job.tenant_id, view)
    return accepted(job.id, answer, replayed=submitted.replayed)


@router.get("/{job_id}", responses=declared("job_not_found", "out_of_range"), summary="Read a job")
async def read(
    request: Request,
    job_id: JobId,
    query: Annotated[ReadQuery, Query()],
    principal: MayRead,
    services: ServicesDep,
) -> JobView:
    """The job as it stands, or after `wait` seconds, or as soon as it has ended or is held for a person."""
    job = await run_in_threadpool(services.reader.get, job_id, principal.tenant_id)
    return await _settled_view(request, services, job, query.wait)


@router.get("", responses=declared("field_unknown", "not_a_choice", "out_of_range"), summary="List jobs")
def page(query: Annotated[ListQuery, Query()], principal: MayRead, services: ServicesDep) -> JobList:
    """Newest first. Filters add up. Follow `next_cursor` until it is null."""
    user = None if query.user is None else services.submitter.pseudonym(principal.tenant_id, query.user)
    only = JobFilter(status=query.status, batch=query.batch, user=user, created_after=query.created_after)
    found = services.reader.page(principal.tenant_id, only, limit=query.limit, cursor=query.cursor)
    return JobList(data=[_view(services, job) for job in found.jobs], next_cursor=found.next_cursor)


@router.post("/{job_id}/cancel", responses=declared("job_not_found"), summary="Cancel a job")
def cancel(job_id: JobId, principal: MaySubmit, services: ServicesDep) -> JobView:
    """A waiting job is canceled at once; a running one stops within a denoising step; an ended one stays as it is."""
    return _view(services, services.jobs.cancel(job_id, principal.tenant_id))


async def _read_order(request: Request) -> Order:
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type == "application/json":
        return await run_in_threadpool(order_from_json, await request.body())
    if media_type == "multipart/form-data":
        return await run_in_threadpool(order_from_form, await read_form(request))
    message = f"{media_type or 'A body without Content-Type'} is not read here: send JSON or multipart/form-data."
    raise Refusal("media_type_unsupported", message)


async def _settled_view(request: Request, services: Services, job: Job, seconds: int) -> JobView:
    if seconds > 0:
        job = await until_settled(request, lambda: services.reader.get(job.id, job.tenant_id), seconds)
    return await run_in_threadpool(_view, services, job)


def _view(services: Services, job: Job) -> JobView:
    return job_view(job, services.reader.queue_position(job))
