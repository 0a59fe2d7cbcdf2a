"""/v1/jobs: submit, read, list, cancel, erase."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from fastapi.concurrency import run_in_threadpool

from producer.api.auth import MayRead, MaySubmit
from producer.api.dependencies import JobId, ServicesDep, lookups_of, services_of, submitting_of, waiting_of
from producer.api.dry_run import DryRunView, dry_run
from producer.api.forms import read_form
from producer.api.idempotency import PARAMETERS, Copies, accepted
from producer.api.orders import order_from_form, order_from_json
from producer.api.problems import CODES, declared
from producer.api.queries import ListQuery, ReadQuery, SubmitQuery
from producer.api.views import JobList, JobView, job_view
from producer.errors import Refusal
from producer.order import Order
from producer.services import Services
from storage.intake import Submitted
from storage.job import Job
from storage.job_reader import JobFilter
from storage.outlook import Expectation, Foreseen
from storage.retention_store import ended_job

router = APIRouter(prefix="/v1/jobs", tags=["jobs"])

SMALL_BODY = 64 * 1024
_JSON = {"schema": {"$ref": "#/components/schemas/JobRequest"}}
_FORM = {"schema": {"$ref": "#/components/schemas/JobForm"}}
_CONTENT = {"application/json": _JSON, "multipart/form-data": _FORM}
_BODY: dict[str, Any] = {"requestBody": {"required": True, "content": _CONTENT}, "parameters": PARAMETERS}
_ERASED: dict[int | str, dict[str, Any]] = {
    202: {"model": JobView, "description": "It runs and will be erased when it has stopped."},
    **declared("job_not_found"),
}
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
    responses={200: {"model": DryRunView, "description": "With `dry_run`."}, **declared(*_SUBMIT_CODES)},
    openapi_extra=_BODY,
    summary="Submit a job",
)
async def submit(request: Request, query: Annotated[SubmitQuery, Query()], principal: MaySubmit) -> Response:
    """Answers 202 with the job, which is then safely stored. A request the policy forbids comes back as a job that
    is `blocked` and names its rule; one that needs a person is `held`. A seed of null or -1 is drawn and echoed.

    With an `Idempotency-Key`, the same request gets the same answer for 24 hours, with `Idempotent-Replayed: true`;
    refusals and dry runs are not kept.

    With `dry_run=true` nothing is stored and the answer is 200: the job as it would stand after submit, every parameter
    resolved, with what the policy says about the prompts, and a `plan` of what the job would do. It is refused wherever
    a submit would be, and also for what only a worker would find out: `mask_empty` after `mask_grow`, and
    `prompt_too_long`.

    As a form, `image` and `mask` are files, `output` and `metadata` are JSON, everything else is text.
    """
    services, copies = services_of(request), Copies(request)
    if query.dry_run:
        return await _rehearsed(request, services, principal.tenant_id)
    submitted, ahead = await _submitted(request, copies, principal.tenant_id)
    job = submitted.job
    answer = await copies.kept(services, job.tenant_id) if submitted.replayed else None
    if answer is None:
        found = await waiting_of(request).until_settled(request, Foreseen(job, ahead), query.wait)
        view = job_view(found.job, found.ahead)
        answer = await copies.keep(services, job.tenant_id, view)
    return accepted(job.id, answer, replayed=submitted.replayed)


@router.get(
    "/{job_id}", response_model=JobView, responses=declared("job_not_found", "out_of_range"), summary="Read a job"
)
async def read(request: Request, principal: MayRead, job_id: JobId, query: Annotated[ReadQuery, Query()]) -> Response:
    """The job as it stands, or after `wait` seconds, or as soon as it has ended or is held for a person."""
    found = await lookups_of(request).job(job_id, principal.tenant_id)
    found = await waiting_of(request).until_settled(request, found, query.wait)
    # A response by itself: FastAPI would build the view a second time to check it.
    return Response(job_view(found.job, found.ahead).model_dump_json(), media_type="application/json")


@router.get("", responses=declared("field_unknown", "not_a_choice", "out_of_range"), summary="List jobs")
def page(query: Annotated[ListQuery, Query()], principal: MayRead, services: ServicesDep) -> JobList:
    """Newest first. Filters add up. Follow `next_cursor` until it is null."""
    user = None if query.user is None else services.submitter.pseudonym(principal.tenant_id, query.user)
    only = JobFilter(query.status, query.batch, user, query.created_after, query.created_before)
    found = services.reader.page(principal.tenant_id, only, limit=query.limit, cursor=query.cursor)
    ahead = services.outlook.of(found.jobs)
    return JobList(data=[job_view(job, ahead.get(job.id)) for job in found.jobs], next_cursor=found.next_cursor)


@router.post("/{job_id}/cancel", responses=declared("job_not_found"), summary="Cancel a job")
def cancel(principal: MaySubmit, job_id: JobId, services: ServicesDep) -> JobView:
    """A waiting job is canceled at once; a running one stops within a denoising step; an ended one stays as it is."""
    return _view(services, services.jobs.cancel(job_id, principal.tenant_id))


@router.delete("/{job_id}", responses=_ERASED, summary="Erase a job's content")
def erase(principal: MaySubmit, job_id: JobId, services: ServicesDep, response: Response) -> JobView:
    """Erases its pictures, prompts and `metadata`, and what was sent about it by webhook; the bare record stays for
    audit. A job that has not ended is canceled first; where it runs, the answer is 202 and its content goes as soon as
    it has stopped. Safe to repeat. Uploaded files stay, for other jobs may use them.
    """
    job = services.jobs.ask_to_erase(job_id, principal.tenant_id)
    if not job.is_terminal:
        response.status_code = 202
        return _view(services, job)
    services.shredder.shred([ended_job(job)])
    return _view(services, services.reader.get(job_id, principal.tenant_id))


async def _rehearsed(request: Request, services: Services, tenant_id: str) -> Response:
    read, _ = await _reading(request)
    rehearsed = await run_in_threadpool(lambda: dry_run(services, tenant_id, read()))
    return Response(rehearsed.model_dump_json(), media_type="application/json")


async def _submitted(request: Request, copies: Copies, tenant_id: str) -> tuple[Submitted, Expectation | None]:
    # A function by itself, so that pictures need no room while their job is waited for.
    read, small = await _reading(request)
    return await submitting_of(request).submit(tenant_id, lambda: copies.mark(read()), small=small)


async def _reading(request: Request) -> tuple[Callable[[], Order], bool]:
    """How to read the order in the body, and whether that is done in no time; it is for a thread all the same."""
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type == "application/json":
        # Not request.body(), which would keep it for as long as the answer takes.
        body = b"".join([part async for part in request.stream()])
        return partial(order_from_json, body), len(body) <= SMALL_BODY
    if media_type == "multipart/form-data":
        return partial(order_from_form, await read_form(request)), False
    message = f"{media_type or 'A body without Content-Type'} is not read here: send JSON or multipart/form-data."
    raise Refusal("media_type_unsupported", message)


def _view(services: Services, job: Job) -> JobView:
    return job_view(job, services.outlook.of([job]).get(job.id))
