"""The pictures of a case: which there are, veiled, and what an edit changed."""

from __future__ import annotations

from dataclasses import dataclass
from io import BytesIO

import numpy as np
from PIL import Image, ImageFilter

from storage.errors import ObjectMissing
from storage.job import Job
from storage.object_store import ObjectStore
from storage.pictures import PictureError, open_picture

INPUT, MASK, RESULT, CHANGE = "input", "mask", "result", "difference"
_CELLS, _SHOWN = 12, 256
_GAIN = 3


@dataclass(frozen=True, slots=True)
class Shown:
    """A picture's bytes, ready to be sent."""

    data: bytes
    content_type: str


def names(job: Job) -> list[str]:
    """The pictures of a job, in the order in which they are looked at: `input`, `mask`, `result-0`, `difference-0`."""
    sent = [INPUT, *([] if job.mask_key is None else [MASK])] if job.has_inputs else []
    kinds = ([RESULT, CHANGE] if sent else [RESULT]) if job.has_results else []
    return [*sent, *(f"{kind}-{image.index}" for image in job.images for kind in kinds)]


def clear(job: Job, which: str, objects: ObjectStore) -> Shown:
    """The picture as it is. Raises ObjectMissing, ObjectStoreUnavailable."""
    if which not in names(job):
        raise ObjectMissing(f"{job.id} has no picture {which!r}, or its pictures were erased")
    kind, _, index = which.partition("-")
    if kind == CHANGE:
        return _png(_change(_opened(job, INPUT, objects), _opened(job, f"{RESULT}-{index}", objects)))
    data = objects.get(_key(job, which))
    return Shown(data, _content_type(data))


def veiled(job: Job, which: str, objects: ObjectStore) -> Shown:
    """The picture in grey and in a dozen cells along its long side: how it is laid out, and nothing that it shows.

    It is made here, so that the clear bytes never reach a browser that did not ask for them. Raises ObjectMissing,
    ObjectStoreUnavailable.
    """
    data = clear(job, which, objects).data
    picture = _decoded(data, as_mask=which == MASK).convert("L")
    factor = _SHOWN / max(picture.size)
    size = tuple(max(1, round(side * factor)) for side in picture.size)
    picture.thumbnail((_CELLS, _CELLS), Image.Resampling.BOX)
    picture = picture.resize((size[0], size[1]), Image.Resampling.BICUBIC)
    return _png(picture.filter(ImageFilter.GaussianBlur(_SHOWN / _CELLS / 2)))


def _key(job: Job, which: str) -> str:
    kind, _, index = which.partition("-")
    if kind == RESULT:
        return next(image.key for image in job.images if str(image.index) == index)
    return job.image_key if kind == INPUT else str(job.mask_key)


def _opened(job: Job, which: str, objects: ObjectStore) -> Image.Image:
    return _decoded(objects.get(_key(job, which)), as_mask=False)


def _decoded(data: bytes, *, as_mask: bool) -> Image.Image:
    try:
        return Image.fromarray(open_picture(data, as_mask=as_mask).rgb)
    except PictureError as problem:
        raise ObjectMissing(f"the stored picture cannot be read: {problem}") from problem


def _change(before: Image.Image, after: Image.Image) -> Image.Image:
    """How much each pixel differs, three times as bright; what is black stayed as it was."""
    if before.size != after.size:
        before = before.resize(after.size, Image.Resampling.BICUBIC)
    apart = np.abs(np.asarray(before, dtype=np.int16) - np.asarray(after, dtype=np.int16))
    return Image.fromarray(np.clip(apart * _GAIN, 0, 255).astype(np.uint8))


def _png(picture: Image.Image) -> Shown:
    file = BytesIO()
    picture.save(file, "PNG")
    return Shown(file.getvalue(), "image/png")


def _content_type(data: bytes) -> str:
    if data.startswith(b"\x89PNG"):
        return "image/png"
    return "image/webp" if data.startswith(b"RIFF") else "image/jpeg"
