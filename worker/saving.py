"""Finished images on their way into the object store."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import structlog

from storage.errors import ObjectStoreUnavailable
from storage.failpoints import reach
from storage.job import Job, ResultImage
from storage.mark import MarkRecord
from storage.object_store import ObjectStore
from worker.marking import MarkedImage
from worker.patience import patiently
from worker.stop import StopSign

log = structlog.get_logger(__name__)

MANIFEST_TYPE = "application/c2pa"


@dataclass(frozen=True, slots=True)
class Saved:
    """One stored image, and what is recorded of its mark; then its credentials are stored beside it as well."""

    image: ResultImage
    mark: MarkRecord | None

    @property
    def keys(self) -> tuple[str, ...]:
        """Where the image and its credentials lie in the object store."""
        return (self.image.key,) if self.mark is None else (self.image.key, self.mark.manifest_key)


def save(marked: Sequence[MarkedImage], job: Job, objects: ObjectStore, sign: StopSign, *, held: bool) -> list[Saved]:
    """Stores every image under a key of this attempt's own, in quarantine if a person must look first.

    Its credentials are stored once more, apart from it, for they outlive it there and are found by its mark, if it
    has one.

    Raises ObjectStoreUnavailable and RequestCanceled, each after removing what it had stored.
    """
    saved: list[Saved] = []
    folder = "quarantine" if held else "results"
    try:
        for index, image in enumerate(marked):
            sign.check()
            name = f"{job.id}/{job.attempt}-{index}-{secrets.token_hex(8)}"
            key, manifest_key = f"{folder}/{name}", f"manifests/{name}"
            saved.append(Saved(_described(image, key, index, job), _marked(image, manifest_key, index)))
            reach("before_put")
            patiently(partial(objects.put, key, image.data, image.content_type), sign)
            if saved[-1].mark is not None:
                patiently(partial(objects.put, manifest_key, image.manifest, MANIFEST_TYPE), sign)
            reach("after_put")
        sign.check()
    except Exception:
        discard(saved, objects)
        raise
    return saved


def discard(saved: Sequence[Saved], objects: ObjectStore) -> None:
    """Removes stored images that no row will ever name; what cannot be removed now stays for the collector."""
    keys = [key for one in saved for key in one.keys]
    for place, key in enumerate(keys):
        try:
            objects.delete(key)
        except ObjectStoreUnavailable:
            # One that does not answer takes its time to say so: the others are not tried.
            log.warning("orphans_left", keys=keys[place:])
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


def _marked(image: MarkedImage, manifest_key: str, index: int) -> MarkRecord | None:
    if image.watermark_id is None or image.key_id is None:
        return None
    return MarkRecord(
        mark_id=image.watermark_id,
        key_id=image.key_id,
        image_index=index,
        width=image.width,
        height=image.height,
        mask_box=image.mask_box,
        fingerprint=image.fingerprint.as_dict(),
        manifest_key=manifest_key,
        manifest_sha256=hashlib.sha256(image.manifest).hexdigest(),
    )
