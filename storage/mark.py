"""Marks: which picture carries which watermark id, and what is needed to tell it from a copy of the mark."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class MarkRecord:
    """One marked picture. `width` and `height` are pixels, `mask_box` is (left, top, right, bottom) in them.

    `fingerprint` is safety.fingerprint.Fingerprint as a dictionary; `manifest_key` names the C2PA manifest store in
    the object store and never leaves the service.
    """

    mark_id: str
    key_id: str
    image_index: int
    width: int
    height: int
    mask_box: tuple[int, int, int, int]
    fingerprint: dict[str, Any]
    manifest_key: str
    manifest_sha256: str

    def values(self) -> dict[str, Any]:
        """Its columns."""
        return {name: getattr(self, name) for name in self.__slots__} | {"mask_box": list(self.mask_box)}


@dataclass(frozen=True, slots=True)
class KnownMark:
    """A recorded mark with where it came from; `model` is the `model` object of the job."""

    record: MarkRecord
    tenant_id: str
    job_id: str
    model: dict[str, Any]
    created_at: datetime
