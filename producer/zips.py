"""A ZIP that is sent while it is made: the images of a batch, and a list of what became of each line."""

from __future__ import annotations

import json
import re
import zipfile
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

from producer.api.views import shown_images
from producer.lookahead import in_order
from producer.results import BatchJobs
from storage.errors import ObjectMissing
from storage.job import Job, ResultImage
from storage.object_store import ObjectStore

MANIFEST = "manifest.ndjson"
AHEAD = 4
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")
_EXTENSIONS = {"image/png": "png", "image/jpeg": "jpg", "image/webp": "webp"}


class _Entry(NamedTuple):
    """An image of a job, or None for a job without any."""

    job: Job
    image: ResultImage | None


class _Pipe:
    """A file that can only be written, and is emptied by whoever sends it on."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def write(self, data: bytes) -> int:
        """Takes `data`."""
        self._parts.append(bytes(data))
        return len(data)

    def flush(self) -> None:
        """Nothing is held back."""

    def take(self) -> bytes:
        """What was written since."""
        data = b"".join(self._parts)
        self._parts.clear()
        return data


class Packed:
    """Compressed lines, kept until the images are through: entries of a ZIP follow one another."""

    def __init__(self) -> None:
        self._deflate = zlib.compressobj(6)
        self._parts: list[bytes] = []

    def add(self, line: bytes) -> None:
        """One more line."""
        self._parts.append(self._deflate.compress(line))

    def lines(self) -> Iterator[bytes]:
        """All of it again, in pieces. No line can be added any more."""
        self._parts.append(self._deflate.flush())
        inflate = zlib.decompressobj()
        for part in self._parts:
            yield inflate.decompress(part)
        yield inflate.flush()


def zipped(jobs: BatchJobs, objects: ObjectStore) -> Iterator[bytes]:
    """The ZIP, in pieces: `<line>-<custom_id>-<image>.png` for each image, then `manifest.ndjson`.

    Images are stored as they are. Of what was sent only the directory is held, about a kilobyte an image. A
    picture that is no longer stored is left out, and the manifest says so. Raises DatabaseUnavailable and
    ObjectStoreUnavailable.
    """
    pipe, manifest = _Pipe(), Packed()
    with ThreadPoolExecutor(AHEAD, thread_name_prefix="zip") as executor, zipfile.ZipFile(pipe, "w") as archive:  # type: ignore[call-overload]
        entries = (entry for page in jobs.pages() for job in page for entry in _entries(job))
        told = _Told(manifest)
        for entry, data in in_order(executor, lambda entry: _bytes(objects, entry), entries, AHEAD):
            told.begin(entry.job)
            if entry.image is not None and data is not None:
                name = _name(archive, entry.job, entry.image)
                archive.writestr(_info(name, entry.job), data)
                told.file(name, entry.image)
                yield pipe.take()
        told.end()
        with archive.open(MANIFEST, "w") as file:
            for piece in manifest.lines():
                file.write(piece)
                yield pipe.take()
    yield pipe.take()


class _Told:
    """Writes the manifest: a line for each job, once all of its images are through."""

    def __init__(self, manifest: Packed) -> None:
        self._manifest = manifest
        self._job: Job | None = None
        self._files: list[dict[str, object]] = []

    def begin(self, job: Job) -> None:
        """The next image is one of `job`."""
        if self._job is not None and self._job.id != job.id:
            self.end()
        self._job = job

    def file(self, name: str, image: ResultImage) -> None:
        """It lies in the archive under `name`."""
        self._files.append({"index": image.index, "name": name, "sha256": image.sha256, "seed": image.seed})

    def end(self) -> None:
        """No more images of this job."""
        if self._job is None:
            return
        job = self._job
        error = None if job.error is None else job.error.as_dict()
        told: dict[str, Any] = {"line": job.line, "custom_id": job.custom_id, "job": job.id, "status": job.state.value}
        told |= {"files": self._files, "gone": len(shown_images(job)) > len(self._files), "error": error}
        self._manifest.add(json.dumps(told).encode() + b"\n")
        self._job, self._files = None, []


def _entries(job: Job) -> list[_Entry]:
    shown = shown_images(job) if job.has_results else ()
    return [_Entry(job, image) for image in shown] or [_Entry(job, None)]


def _bytes(objects: ObjectStore, entry: _Entry) -> bytes | None:
    try:
        return None if entry.image is None else objects.get(entry.image.key)
    except ObjectMissing:
        return None


def _name(archive: zipfile.ZipFile, job: Job, image: ResultImage) -> str:
    place = job.id if job.line is None else f"{job.line:06d}"
    own = f"-{safe}" if (safe := _UNSAFE.sub("_", job.custom_id or "")) else ""
    name = f"{place}{own}-{image.index}.{_EXTENSIONS[image.content_type]}"
    # A line that was sent again without a key is another job.
    return f"{job.id}-{name}" if name in archive.NameToInfo else name


def _info(name: str, job: Job) -> zipfile.ZipInfo:
    at = job.finished_at or job.created_at
    return zipfile.ZipInfo(name, (at.year, at.month, at.day, at.hour, at.minute, at.second))
