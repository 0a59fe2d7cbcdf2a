"""Finished images on their way into the object store."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence

import structlog

from storage.errors import ObjectStoreUnavailable
from storage.job import Job, ResultImage
from storage.object_store import ObjectStore
from worker.marking import MarkedImage

log = structlog.get_logger(__name__)


def save(marked: Sequence[MarkedImage], job: Job, objects: ObjectStore, *, held: bool) -> list[ResultImage]:
    """Stores every image under a key of this attempt's own, in quarantine if a person must look first.

    Raises ObjectStoreUnavailable after removing what it had stored.
    """
    saved: list[ResultImage] = []
    folder = "quarantine" if held else "results"
    try:
        for index, image in enumerate(marked):
            key = f"{folder}/{job.id}/{job.attempt}-{index}-{secrets.token_hex(8)}"
            saved.append(_described(image, key, index, job))
            objects.put(key, image.data, image.content_type)
    except ObjectStoreUnavailable:
        discard(saved, objects)
        raise
    return saved


def discard(images: Sequence[ResultImage], objects: ObjectStore) -> None:
    """Removes stored images that no row will ever name; what cannot be removed now stays for the collector."""
    for image in images:
        try:
            objects.delete(image.key)
        except ObjectStoreUnavailable:
            log.warning("orphan_left", key=image.key)


def _described(image: MarkedImage, key: str, index: int, job: Job) -> ResultImage:
    return ResultImage(
        index=index,
        key=key,
        sha256=hashlib.sha256(image.data).hexdigest(),
        width=image.width,
        height=image.height,
        content_type=image.content_type,
        seed=job.params.image_seed(index),
        watermark_id=image.watermark_id,
    )
