"""/replicate/v1: predictions and what their clients ask for beside them: files, models, the secret of webhooks."""

from __future__ import annotations

from fastapi import APIRouter, HTTPException, Request
from fastapi.concurrency import run_in_threadpool

from producer.api.dependencies import ServicesDep
from producer.api.files import store_file
from producer.api.forms import read_form
from producer.api.orders import FILE_ID
from producer.dialects.links import base_of
from producer.dialects.models import alias_of
from producer.dialects.replicate import predictions
from producer.dialects.replicate.callers import MayRead, MaySubmit
from producer.dialects.replicate.files import FileView, content_of, file_view
from producer.dialects.replicate.versions import ModelView, VersionView, model_view, version_view
from producer.errors import Refusal
from producer.services import Services
from storage.errors import FileMissing
from storage.models import ModelDescriptor
from storage.webhook import DEFAULT

router = APIRouter()
router.include_router(predictions.router)


@router.post("/v1/files", status_code=201)
async def upload(request: Request, principal: MaySubmit, services: ServicesDep) -> FileView:
    """A picture as the part `content`."""
    if not request.headers.get("content-type", "").lower().startswith("multipart/form-data"):
        raise Refusal("media_type_unsupported", "Send the picture as the part `content` of multipart/form-data.")
    data = content_of(await read_form(request))
    try:
        stored = await run_in_threadpool(store_file, services, principal.tenant_id, data)
    except Refusal as refusal:
        raise refusal.renamed({"file": "content"}) from None
    return file_view(stored, base_of(request, services))


@router.get("/v1/files/{file_id}")
def file(request: Request, file_id: str, principal: MaySubmit, services: ServicesDep) -> FileView:
    """What is known of an uploaded picture."""
    try:
        if FILE_ID.fullmatch(file_id):
            return file_view(services.files.get(file_id, principal.tenant_id), base_of(request, services))
    except FileMissing:
        pass
    raise HTTPException(404)


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
