"""Finished images on their way into the object store."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from functools import partial

import structlog

from storage.errors import ObjectStoreUnavailable
from storage.failpoints import reach
from storage.job import Job, ResultImage
from storage.object_store import ObjectStore
from worker.marking import MarkedImage
from worker.patience import patiently
from worker.stop import StopSign

log = structlog.get_logger(__name__)


def save(
    marked: Sequence[MarkedImage], job: Job, objects: ObjectStore, sign: StopSign, *, held: bool
) -> list[ResultImage]:
    """Stores every image under a key of this attempt's own, in quarantine if a person must look first.

    Raises ObjectStoreUnavailable and RequestCanceled, each after removing what it had stored.
    """
    saved: list[ResultImage] = []
    folder = "quarantine" if held else "results"
    try:
        for index, image in enumerate(marked):
            sign.check()
            key = f"{folder}/{job.id}/{job.attempt}-{index}-{secrets.token_hex(8)}"
            saved.append(_described(image, key, index, job))
            reach("before_put")
            patiently(partial(objects.put, key, image.data, image.content_type), sign)
            reach("after_put")
        sign.check()
    except Exception:
        discard(saved, objects)
        raise
    return saved


def discard(images: Sequence[ResultImage], objects: ObjectStore) -> None:
    """Removes stored images that no row will ever name; what cannot be removed now stays for the collector."""
    for place, image in enumerate(images):
        try:
            objects.delete(image.key)
        except ObjectStoreUnavailable:
            # One that does not answer takes its time to say so: the others are not tried.
            log.warning("orphans_left", keys=[left.key for left in images[place:]])
            return


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
