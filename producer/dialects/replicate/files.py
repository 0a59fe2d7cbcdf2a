"""Files as Replicate's clients upload and see them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import BaseModel, Field

from producer.api.forms import Part
from producer.errors import Refusal
from storage.file_store import StoredFile

# The client sends what it knows of a file beside it.
_BESIDE = ("filename", "type", "metadata")


class FileView(BaseModel):
    """An uploaded picture; `urls.get` stands for it in an input."""

    id: str
    name: str
    content_type: str
    size: int
    etag: str
    checksums: dict[str, str]
    metadata: dict[str, Any] = Field(default_factory=dict)
    created_at: datetime
    expires_at: datetime | None = None
    urls: dict[str, str]


def content_of(parts: dict[str, Part]) -> bytes:
    """The part `content`. Raises Refusal: field_missing, field_unknown, not_supported."""
    if unknown := [name for name in parts if name not in ("content", *_BESIDE)]:
        raise Refusal.of_field(unknown[0], "field_unknown", f"There is no field `{unknown[0]}`; send `content`.")
    if "metadata" in parts and parts["metadata"].text().strip() not in ("", "{}"):
        raise Refusal.of_field("metadata", "not_supported", "Files have no metadata here; leave `metadata` out.")
    if "content" not in parts:
        raise Refusal.of_field("content", "field_missing", "`content` is required.")
    return bytes(parts["content"].data)


def file_view(stored: StoredFile, base: str) -> FileView:
    """The view of `stored`."""
    return FileView(
        id=stored.id,
        name=stored.id,
        content_type=stored.content_type,
        size=stored.size,
        etag=stored.sha256,
        checksums={"sha256": stored.sha256},
        created_at=stored.created_at,
        urls={"get": f"{base}/replicate/v1/files/{stored.id}"},
    )
