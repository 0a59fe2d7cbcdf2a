"""Erases by retention: pictures of old jobs, uploaded files nobody needs, idempotency keys past their day, marks."""

from __future__ import annotations

import threading

import structlog

from producer.keeper.keeper import Duty
from storage.mark_store import MarkStore
from storage.object_store import ObjectStore
from storage.retention_store import RetentionStore
from storage.strike_store import StrikeStore
from storage.upload_store import UploadStore

log = structlog.get_logger(__name__)

JOBS_SECONDS = 10.0
FILES_SECONDS = 3600.0
KEYS_SECONDS = 600.0
CHUNK = 100
FILE_CHUNK = 1000  # larger, because each page of files costs a walk through all unfinished jobs
IDEMPOTENCY_HOURS = 24.0
# Several times as long as anybody may write by an upload's link.
UPLOAD_SECONDS = 3600.0
STRIKES_SECONDS = 3600.0
# As long as a policy may have them count.
STRIKE_DAYS = 30.0


class Eraser:
    """Removes content older than `days`. Objects go first, then the row says so: cut off in between, it repeats."""

    def __init__(self, store: RetentionStore, objects: ObjectStore, days: float, stop: threading.Event) -> None:
        self._store = store
        self._objects = objects
        self._days = days
        self._stop = stop

    def erase_jobs(self) -> int:
        """How many ended jobs lost their inputs and results; their rows stay for audit."""
        erased = 0
        while not self._stop.is_set():
            jobs = self._store.ended(older_than_days=self._days, limit=CHUNK)
            for job in jobs:
                self._delete(job.keys)
            self._store.mark_erased([job.id for job in jobs])
            for job in jobs:
                log.info("job_erased", job_id=job.id)
            erased += len(jobs)
            if len(jobs) < CHUNK:
                break
        return erased

    def erase_files(self) -> int:
        """How many uploaded files went, row and all; one that an unfinished job refers to stays for now."""
        erased, after = 0, ""
        while not self._stop.is_set():
            page = self._store.files(older_than_days=self._days, after=after, limit=FILE_CHUNK)
            self._delete([file.key for file in page.unused])
            self._store.forget_files([file.id for file in page.unused])
            for file in page.unused:
                log.info("file_erased", file_id=file.id)
            erased += len(page.unused)
            if page.last is None:
                break
            after = page.last
        return erased

    def _delete(self, keys: list[str]) -> None:
        for key in keys:
            self._objects.delete(key)


def erasing(store: RetentionStore, objects: ObjectStore, days: float, stop: threading.Event) -> list[Duty]:
    """The duties of erasing jobs and files that are older than `days`; they pause between chunks to look at `stop`."""
    eraser = Eraser(store, objects, days, stop)
    return [
        Duty("erase_jobs", JOBS_SECONDS, eraser.erase_jobs),
        Duty("erase_files", FILES_SECONDS, eraser.erase_files),
    ]


def forgetting_marks(store: MarkStore, objects: ObjectStore, days: float, stop: threading.Event) -> Duty:
    """The duty of forgetting marks that are older than `days`, with the credentials that were kept for them."""

    def forget() -> int:
        forgotten = 0
        while not stop.is_set():
            manifests = store.manifest_keys(older_than_days=days, limit=CHUNK)
            for key in manifests:
                objects.delete(key)
            store.forget(manifests)
            forgotten += len(manifests)
            if len(manifests) < CHUNK:
                break
        return forgotten

    return Duty("forget_marks", KEYS_SECONDS, forget)


def forgetting_keys(store: RetentionStore, stop: threading.Event) -> Duty:
    """The duty of removing idempotency keys after the 24 hours in which they are honored."""

    def forget() -> int:
        forgotten = 0
        while not stop.is_set():
            gone = store.forget_idempotency_keys(older_than_hours=IDEMPOTENCY_HOURS, limit=10 * CHUNK)
            forgotten += gone
            if gone < 10 * CHUNK:
                break
        return forgotten

    return Duty("forget_keys", KEYS_SECONDS, forget)


def forgetting_uploads(store: UploadStore) -> Duty:
    """The duty of giving up uploads that were not completed in time; their bytes are then orphans."""
    return Duty("forget_uploads", KEYS_SECONDS, lambda: store.forget(older_than_seconds=UPLOAD_SECONDS))


def forgetting_strikes(store: StrikeStore) -> Duty:
    """The duty of removing strikes that no policy can count any more."""
    return Duty("forget_strikes", STRIKES_SECONDS, lambda: store.forget(older_than_seconds=STRIKE_DAYS * 86400.0))
