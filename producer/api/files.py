"""/v1/files: pictures uploaded once and used by many jobs."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from fastapi.concurrency import run_in_threadpool

from producer.api.auth import MayRead, MaySubmit
from producer.api.bodies import body_of, schema_of
from producer.api.dependencies import ServicesDep
from producer.api.file_views import (
    FileList,
    FileQuery,
    FileView,
    NewUpload,
    UploadView,
    file_view,
    upload_view,
)
from producer.api.forms import only_file, read_form
from producer.api.orders import FILE_ID
from producer.api.problems import declared
from producer.errors import Refusal
from storage.errors import FileMissing

router = APIRouter(prefix="/v1/files", tags=["files"])

_FORM = {"multipart/form-data": {"schema": {"$ref": "#/components/schemas/FileForm"}}}
_BYTES = {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}
PICTURE_CODES = (
    "image_empty",
    "image_type_unsupported",
    "image_truncated",
    "image_corrupt",
    "image_too_large",
    "image_animated",
    "image_mode_unsupported",
)
_CODES = ("form_invalid", "invalid_utf8", "body_too_large", "media_type_unsupported", "field_missing", "field_unknown")
_BODY_CODES = ("json_invalid", *_CODES[1:], "wrong_type", "out_of_range", "wrong_format", "not_a_choice")


def _body(content: dict[str, Any]) -> dict[str, Any]:
    return {"requestBody": {"required": True, "content": content}}


def _file_id(file_id: Annotated[str, Path(description="A `file_` id.")]) -> str:
    if not FILE_ID.fullmatch(file_id):
        raise FileMissing(file_id)
    return file_id


FileId = Annotated[str, Depends(_file_id)]


@router.post(
    "",
    status_code=201,
    responses=declared(*_CODES, *PICTURE_CODES),
    openapi_extra=_body(_FORM),
    summary="Upload a picture",
)
async def upload(request: Request, principal: MaySubmit, services: ServicesDep) -> FileView:
    """A PNG, JPEG or WebP as the part `file`. It is decoded once, so that a broken one is refused now."""
    if not request.headers.get("content-type", "").lower().startswith("multipart/form-data"):
        raise Refusal("media_type_unsupported", "Send the picture as the part `file` of multipart/form-data.")
    data = only_file(await read_form(request))
    return file_view(await run_in_threadpool(services.uploads.take, principal.tenant_id, data))


@router.post(
    "/presign",
    status_code=201,
    responses=declared(*_BODY_CODES),
    openapi_extra=schema_of(NewUpload),
    summary="Open a direct upload",
)
def presign(
    principal: MaySubmit, services: ServicesDep, body: Annotated[NewUpload, Depends(body_of(NewUpload))]
) -> UploadView:
    """Says where to PUT the bytes: at the object store, where it has links, else here. Then call `complete`."""
    opened = services.uploads.open(principal.tenant_id, body.size, sha256=body.sha256, content_type=body.content_type)
    return upload_view(opened)


@router.put(
    "/{file_id}/content",
    status_code=204,
    responses=declared("file_unknown", "body_too_large", "upload_mismatch"),
    openapi_extra=_body(_BYTES),
    summary="Send the bytes of a direct upload",
)
async def content(request: Request, file_id: FileId, principal: MaySubmit, services: ServicesDep) -> Response:
    """The bytes as they are, whatever their Content-Type; exactly as many as were announced."""
    data = await request.body()
    await run_in_threadpool(services.uploads.receive, file_id, principal.tenant_id, data)
    return Response(status_code=204)


@router.post(
    "/{file_id}/complete",
    responses=declared("file_unknown", "upload_missing", "upload_mismatch", *PICTURE_CODES),
    summary="Complete a direct upload",
)
def complete(file_id: FileId, principal: MaySubmit, services: ServicesDep) -> FileView:
    """Checks what arrived as any upload is checked, and makes it a file. Safe to repeat.

    After a refusal the bytes may be sent again while the link is good.
    """
    return file_view(services.uploads.complete(file_id, principal.tenant_id))


@router.get("", responses=declared("field_unknown", "out_of_range", "wrong_format"), summary="List files")
def page(query: Annotated[FileQuery, Query()], principal: MayRead, services: ServicesDep) -> FileList:
    """Newest first. Follow `next_cursor` until it is null. Uploads that were not completed are no files yet."""
    found = services.files.page(principal.tenant_id, limit=query.limit, cursor=query.cursor)
    return FileList(data=[file_view(one) for one in found.files], next_cursor=found.next_cursor)


@router.get("/{file_id}", responses=declared("file_unknown"), summary="Read a file's description")
def read(file_id: FileId, principal: MayRead, services: ServicesDep) -> FileView:
    """What is known of the file; its bytes are not given out again."""
    return file_view(services.files.get(file_id, principal.tenant_id))


@router.delete(
    "/{file_id}", status_code=204, responses=declared("file_unknown", "file_in_use"), summary="Delete a file"
)
def delete(file_id: FileId, principal: MaySubmit, services: ServicesDep) -> Response:
    """Removes the file, or gives up a direct upload. Refused while a job that has not ended needs it."""
    services.uploads.delete(file_id, principal.tenant_id)
    return Response(status_code=204)
