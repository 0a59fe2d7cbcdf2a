"""/replicate/v1: predictions and what their clients ask for beside them: files, models, the secret of webhooks."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from fastapi.concurrency import run_in_threadpool

from producer.api.dependencies import ServicesDep
from producer.api.files import FileId
from producer.api.forms import read_form
from producer.dialects.links import base_of
from producer.dialects.models import alias_of
from producer.dialects.replicate import predictions
from producer.dialects.replicate.callers import MayRead, MaySubmit
from producer.dialects.replicate.files import FileView, content_of, file_view
from producer.dialects.replicate.versions import ModelView, VersionView, model_view, version_view
from producer.errors import Refusal
from producer.services import Services
from storage.models import ModelDescriptor
from storage.webhook import DEFAULT

router = APIRouter()
Cursor = Annotated[str | None, Query(pattern=r"^file_[0-9a-z]{26}$")]
router.include_router(predictions.router)


@router.post("/v1/files", status_code=201)
async def upload(request: Request, principal: MaySubmit, services: ServicesDep) -> FileView:
    """A picture as the part `content`."""
    if not request.headers.get("content-type", "").lower().startswith("multipart/form-data"):
        raise Refusal("media_type_unsupported", "Send the picture as the part `content` of multipart/form-data.")
    data = content_of(await read_form(request))
    try:
        stored = await run_in_threadpool(services.uploads.take, principal.tenant_id, data)
    except Refusal as refusal:
        raise refusal.renamed({"file": "content"}) from None
    return file_view(stored, base_of(request, services))


@router.get("/v1/files")
def files(request: Request, principal: MayRead, services: ServicesDep, cursor: Cursor = None) -> dict[str, Any]:
    """Uploaded pictures, newest first."""
    page = services.files.page(principal.tenant_id, cursor=cursor)
    base = base_of(request, services)
    link = f"{base}/replicate/v1/files?cursor={page.next_cursor}"
    results = [file_view(one, base).model_dump(mode="json") for one in page.files]
    return {"previous": None, "next": link if page.next_cursor else None, "results": results}


@router.get("/v1/files/{file_id}")
def file(request: Request, file_id: FileId, principal: MayRead, services: ServicesDep) -> FileView:
    """What is known of an uploaded picture."""
    return file_view(services.files.get(file_id, principal.tenant_id), base_of(request, services))


@router.delete("/v1/files/{file_id}", status_code=204)
def delete(file_id: FileId, principal: MaySubmit, services: ServicesDep) -> Response:
    """Removes a picture, unless a job that has not ended needs it."""
    services.uploads.delete(file_id, principal.tenant_id)
    return Response(status_code=204)


@router.get("/v1/models/{owner}/{name}")
def model(request: Request, owner: str, name: str, _caller: MayRead, services: ServicesDep) -> ModelView:
    """A model, by any of the names that predictions take."""
    return model_view(_model(services, owner, name), base_of(request, services))


@router.get("/v1/models/{owner}/{name}/versions/{version}")
def version(owner: str, name: str, version: str, _caller: MayRead, services: ServicesDep) -> VersionView:  # noqa: ARG001
    """The version of a model that runs here, whichever was asked for: there is one."""
    return version_view(_model(services, owner, name))


@router.get("/v1/webhooks/default/secret")
def secret(principal: MaySubmit, services: ServicesDep) -> dict[str, str]:
    """What signs webhooks of predictions: the newest secret. Without `_` but the one of its prefix."""
    return {"key": services.webhooks.secrets(DEFAULT, principal.tenant_id)[0].text}


def _model(services: Services, owner: str, name: str) -> ModelDescriptor:
    return services.models[alias_of(f"{owner}/{name}", services.models)]
