"""The page at `/` that tries the service, and what it sends: everything goes the way of the native interface."""

from __future__ import annotations

from io import BytesIO
from typing import Annotated

from fastapi import APIRouter, FastAPI, Form, Request, Response
from fastapi.concurrency import run_in_threadpool
from PIL import Image

from producer.api import events, images
from producer.api.dependencies import JobId, ServicesDep
from producer.api.forms import read_form
from producer.api.objections import MAX_WORDS
from producer.api.queries import ImageQuery
from producer.api.streams import Streams
from producer.api.views import JobView, job_view
from producer.console import try_faults
from producer.console.headers import SecureHeaders
from producer.console.pages import onward, page
from producer.console.try_form import order_of
from producer.console.try_sample import sample
from producer.console.try_visitor import Visitor, VisitorDep
from producer.console.try_words import lines_of, told
from producer.moderation.office import Office
from producer.services import Services
from storage.case import CaseKind
from storage.errors import JobNotFound
from storage.job import Job
from storage.key_store import Principal
from storage.params import InpaintParams

router = APIRouter()


def create_try(services: Services, streams: Streams, office: Office) -> FastAPI:
    """The page as an application of its own, served at `/` and below /try, on services that somebody else closes."""
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None, redirect_slashes=False)
    app.state.services, app.state.streams, app.state.office = services, streams, office
    app.state.tenant_id = None
    app.add_middleware(SecureHeaders)
    try_faults.install(app)
    app.include_router(router)
    return app


@router.get("/")
def home(request: Request, services: ServicesDep, visitor: VisitorDep) -> Response:
    """The page, with the sample picture on it."""
    defaults, models = InpaintParams(), list(services.models.values())
    response = page(request, "try/home.html", csrf=visitor.csrf, defaults=defaults, models=models, job=None)
    visitor.remember(request, response)
    return response


@router.get("/sample.png")
def sample_picture() -> Response:
    """The sample picture."""
    return Response(sample(), media_type="image/png", headers={"Cache-Control": "public, max-age=3600"})


@router.post("/jobs")
async def submit(request: Request, services: ServicesDep, visitor: VisitorDep) -> Response:
    """Sends the form as a job and shows how it stands."""
    parts = await read_form(request)
    token = parts.pop("csrf", None)
    visitor.check(request, token.text() if token else "")

    def send() -> Job:
        order = order_of(parts, visitor.user, services.settings.max_pixels)
        return services.submitter.submit(visitor.tenant_id, order).job

    return await run_in_threadpool(_after, request, services, visitor, await run_in_threadpool(send))


@router.get("/jobs/{job_id}")
def show(request: Request, job_id: JobId, services: ServicesDep, visitor: VisitorDep) -> Response:
    """How a job stands."""
    return _shown(request, services, visitor, visitor.own(services, job_id))


@router.post("/jobs/{job_id}/cancel")
def cancel(
    request: Request, job_id: JobId, services: ServicesDep, visitor: VisitorDep, csrf: Annotated[str, Form()] = ""
) -> Response:
    """Cancels it."""
    visitor.check(request, csrf)
    visitor.own(services, job_id)
    return _after(request, services, visitor, services.jobs.cancel(job_id, visitor.tenant_id))


@router.post("/jobs/{job_id}/appeal")
def appeal(
    request: Request,
    job_id: JobId,
    services: ServicesDep,
    visitor: VisitorDep,
    text: Annotated[str, Form(min_length=1, max_length=MAX_WORDS, pattern=r"^[^\x00]*\S[^\x00]*$")],
    csrf: Annotated[str, Form()] = "",
) -> Response:
    """Asks another person to look at a refusal."""
    visitor.check(request, csrf)
    visitor.own(services, job_id)
    services.appeals.appeal(job_id, visitor.tenant_id, text.strip())
    return _after(request, services, visitor, visitor.own(services, job_id))


@router.get("/jobs/{job_id}/events")
async def stream(request: Request, job_id: JobId, services: ServicesDep, visitor: VisitorDep) -> Response:
    """The job's events, as the native interface streams them."""
    await run_in_threadpool(visitor.own, services, job_id)
    last_id = request.headers.get("last-event-id")
    return await events.stream(_principal(visitor), job_id, request.app.state.streams, last_id)


@router.get("/jobs/{job_id}/images/{n}")
def image(job_id: JobId, n: str, services: ServicesDep, visitor: VisitorDep) -> Response:
    """A finished picture."""
    visitor.own(services, job_id)
    response = images.download(_principal(visitor), job_id, n, ImageQuery(), services)
    response.headers["Cache-Control"] = "no-store"
    return response


@router.get("/jobs/{job_id}/{which}.png")
def sent(job_id: JobId, which: str, services: ServicesDep, visitor: VisitorDep) -> Response:
    """The picture or the mask as it was sent, whatever its format: the lines call it by this name."""
    job = visitor.own(services, job_id)
    key = {"input": job.image_key, "mask": job.mask_key}.get(which)
    if key is None or not job.has_inputs:
        raise JobNotFound(job_id)
    data = services.objects.get(key)
    return Response(data, media_type=Image.open(BytesIO(data)).get_format_mimetype())


def _principal(visitor: Visitor) -> Principal:
    return Principal(visitor.tenant_id, "", frozenset(), None)


def _after(request: Request, services: Services, visitor: Visitor, job: Job) -> Response:
    """After a form: the part of the page for a script, else the page to look at next."""
    if request.headers.get("hx-request") == "true":
        return _shown(request, services, visitor, job)
    return onward(f"/try/jobs/{job.id}")


def _shown(request: Request, services: Services, visitor: Visitor, job: Job) -> Response:
    view = job_view(job, services.outlook.of([job]).get(job.id))
    url = str(request.base_url.replace(path="")).rstrip("/")
    return page(
        request,
        "try/job.html",
        csrf=visitor.csrf,
        job=view,
        told=told(job, view, services.appeals.policy.review.appeal_days),
        before=f"/try/jobs/{job.id}/input.png",
        pictures=_pictures(view),
        has_mask=job.mask_key is not None,
        lines=lines_of(job, url),
        appealed=_appealed(services, job),
    )


def _pictures(view: JobView) -> list[tuple[str, int, int]]:
    """Addresses and sizes of the results on this page's own paths."""
    return [(f"/try/jobs/{view.id}/images/{one.index}", one.width, one.height) for one in view.images]


def _appealed(services: Services, job: Job) -> bool:
    return any(case.kind is CaseKind.APPEAL for case in services.appeals.cases.of_job(job.id))
