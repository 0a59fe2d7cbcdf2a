"""/v1/files: pictures uploaded once and used by many jobs."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from pydantic import BaseModel, Field

from producer.api.auth import MaySubmit
from producer.api.dependencies import ServicesDep
from producer.api.forms import only_file, read_form
from producer.api.problems import declared
from producer.errors import Refusal
from producer.services import Services
from storage.file_store import StoredFile
from storage.pictures import PictureError, open_picture

router = APIRouter(prefix="/v1/files", tags=["files"])

_CONTENT = {"multipart/form-data": {"schema": {"$ref": "#/components/schemas/FileForm"}}}
_BODY: dict[str, Any] = {"requestBody": {"required": True, "content": _CONTENT}}
_CODES = ("form_invalid", "invalid_utf8", "body_too_large", "media_type_unsupported", "field_missing", "field_unknown")


class FileView(BaseModel):
    """An uploaded picture. Use `id` as `image` or `mask` of a job."""

    id: str = Field(examples=["file_06f3kq5x6m8v2n4p7r9t1w3y5z"])
    object: Literal["file"] = "file"
    sha256: str
    size: int = Field(description="Bytes.")
    width: int = Field(description="Pixels, after turning the picture upright.")
    height: int
    content_type: str
    created_at: datetime


@router.post("", status_code=201, responses=declared(*_CODES), openapi_extra=_BODY, summary="Upload a picture")
async def upload(request: Request, principal: MaySubmit, services: ServicesDep) -> FileView:
    """A PNG, JPEG or WebP as the part `file`. It is decoded once, so that a broken one is refused now."""
    if not request.headers.get("content-type", "").lower().startswith("multipart/form-data"):
        raise Refusal("media_type_unsupported", "Send the picture as the part `file` of multipart/form-data.")
    data = only_file(await read_form(request))
    return _view(await run_in_threadpool(_store, services, principal.tenant_id, data))


def _store(services: Services, tenant_id: str, data: bytes) -> StoredFile:
    try:
        # Read with the freedom of a mask (16-bit grey): as which of the two it serves is known only at submit.
        picture = open_picture(data, as_mask=True, max_pixels=services.settings.max_pixels)
    except PictureError as error:
        message = error.message.replace("The mask", "The file", 1)
        raise Refusal.of_field("file", error.code, message) from error
    return services.files.add(tenant_id, data, picture.content_type, width=picture.width, height=picture.height)


def _view(stored: StoredFile) -> FileView:
    return FileView(
        id=stored.id,
        sha256=stored.sha256,
        size=stored.size,
        width=stored.width,
        height=stored.height,
        content_type=stored.content_type,
        created_at=stored.created_at,
    )
