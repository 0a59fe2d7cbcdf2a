"""What the interface tells of files and uploads, and what it takes to open one."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from producer.uploads import LINK_SECONDS, Opened
from storage.file_store import StoredFile

_ID = "file_06f3kq5x6m8v2n4p7r9t1w3y5z"


class FileView(BaseModel):
    """An uploaded picture. Use `id` as `image` or `mask` of a job."""

    id: str = Field(examples=[_ID])
    object: Literal["file"] = "file"
    sha256: str
    size: int = Field(description="Bytes.")
    width: int = Field(description="Pixels, after turning the picture upright.")
    height: int
    content_type: str
    created_at: datetime


class FileList(BaseModel):
    """A page of files, newest first. Pass `next_cursor` as `cursor` for the next page; null: this is the last."""

    object: Literal["list"] = "list"
    data: list[FileView]
    next_cursor: str | None


class FileQuery(BaseModel):
    """Of GET /v1/files."""

    model_config = ConfigDict(extra="forbid")

    limit: Annotated[int, Field(ge=1, le=200)] = Field(50, description="Files a page.")
    cursor: Annotated[str, Field(pattern=r"^file_[0-9a-z]{26}$")] | None = Field(
        None, description="`next_cursor` of the page before."
    )


class NewUpload(BaseModel):
    """A file that will be sent past the API. What arrives is held against all that is announced here."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    size: Annotated[int, Field(ge=1)] = Field(description="Bytes, exactly.")
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")] | None = Field(None, description="Of the bytes, in hex.")
    content_type: Literal["image/png", "image/jpeg", "image/webp"] | None = None


class UploadView(BaseModel):
    """How to send the bytes: one PUT to `url` with `headers`, then a POST to `complete`, which answers the file."""

    id: str = Field(description="Of the file to come.", examples=[_ID])
    object: Literal["upload"] = "upload"
    method: Literal["PUT"] = "PUT"
    url: str = Field(
        description="An absolute one leads to the object store and takes no key; a relative one leads here and takes "
        "yours, like every other."
    )
    headers: dict[str, str] = Field(description="To be sent as they are.")
    complete: str = Field(description="To be called once the bytes are sent, within an hour.")
    expires_at: datetime = Field(description=f"When `url` ends: {LINK_SECONDS // 60} minutes from now.")


def file_view(stored: StoredFile) -> FileView:
    """The view of a file."""
    return FileView(**{name: getattr(stored, name) for name in FileView.model_fields if name != "object"})


def upload_view(opened: Opened) -> UploadView:
    """The view of an upload that was opened."""
    here = f"/v1/files/{opened.upload.id}"
    url, headers = (opened.link.url, opened.link.headers) if opened.link else (f"{here}/content", {})
    return UploadView(
        id=opened.upload.id, url=url, headers=headers, complete=f"{here}/complete", expires_at=opened.expires_at
    )
