"""Collects orphans: objects that no row names, left behind by processes that died between two steps.

An object is judged by its key and the rows in SQL, never by the order of events. Its age only keeps the collector
away from objects whose row is still to come. That age is the time that the store itself stamped on the object, held
against the database's clock: both are the deployment's own servers, and their difference is small against a life of
hours. The clock of the machine that the keeper happens to run on may be wrong by hours and is never asked.
"""

from __future__ import annotations

import itertools
import re
import threading
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

import structlog

from producer.keeper.keeper import Duty
from storage.job import TERMINAL, JobState
from storage.object_store import ObjectStore
from storage.retention_store import RetentionStore, Standing

log = structlog.get_logger(__name__)

PAGE = 500
_RESULT = re.compile(r"(?:results|quarantine)/(?P<job>job_[0-9a-z]+)/(?P<attempt>[0-9]+)-[^/]+")
_INPUT = re.compile(r"inputs/[^/]+/(?P<job>job_[0-9a-z]+)/[^/]+")
_FILE = re.compile(r"(?:inputs|uploads)/[^/]+/(?P<file>file_[0-9a-z]+)(?:-[0-9a-f]+)?")
_MANIFEST = re.compile(r"manifests/(?P<job>job_[0-9a-z]+)/(?P<attempt>[0-9]+)-[^/]+")
_PREFIXES = ("results/", "quarantine/", "inputs/", "uploads/", "manifests/")


def is_orphan(key: str, jobs: dict[str, Standing], named: set[str]) -> bool:
    """Whether no row names `key` and none ever will.

    `jobs` holds what is known of the job ids in it, `named` the keys that files, open uploads and marks name: the
    credentials of a picture outlive it, so that a copy of it can still be told.

    A key of any other form than the service's own is not ours to judge, and no orphan.
    """
    if found := _RESULT.fullmatch(key):
        return _is_unnamed(key, int(found["attempt"]), jobs.get(found["job"]))
    if found := _INPUT.fullmatch(key):
        job = jobs.get(found["job"])
        return job is None or job.erased
    if _FILE.fullmatch(key):
        return key not in named
    if found := _MANIFEST.fullmatch(key):
        return key not in named and _is_unnamed(key, int(found["attempt"]), jobs.get(found["job"]))
    return False


def _is_unnamed(key: str, attempt: int, job: Standing | None) -> bool:
    if job is None or job.erased:
        return True
    if key in job.image_keys:
        return False
    if job.state in TERMINAL or job.state is JobState.HELD:
        return True
    # Queued or running: the attempt in the row may still name what it stored; earlier ones are fenced off.
    return attempt < job.attempt


class Collector:
    """Walks through the whole object store, a page at a time, and deletes the orphans older than `ttl_seconds`."""

    def __init__(self, store: RetentionStore, objects: ObjectStore, ttl_seconds: float, stop: threading.Event) -> None:
        self._store = store
        self._objects = objects
        self._ttl = timedelta(seconds=ttl_seconds)
        self._stop = stop

    def collect(self) -> int:
        """How many orphans were deleted. Raises ObjectStoreUnavailable, DatabaseUnavailable."""
        collected = 0
        for orphans in self.orphans(self._store.now() - self._ttl):
            if self._stop.is_set():
                break
            for key in orphans:
                self._objects.delete(key)
                log.info("orphan_deleted", key=key)
            collected += len(orphans)
        return collected

    def orphans(self, before: datetime) -> Iterator[list[str]]:
        """Orphans that were stored before that, by the store's clock, a list for each page of objects."""
        for prefix in _PREFIXES:
            old = (entry.key for entry in self._objects.entries(prefix) if entry.modified < before)
            for page in _pages(old):
                yield self._among(page)

    def _among(self, page: list[str]) -> list[str]:
        ids = [_ids(page, pattern, "job") for pattern in (_RESULT, _INPUT, _MANIFEST)]
        jobs, files = self._store.standing(set().union(*ids)), self._store.known_files(_ids(page, _FILE, "file"))
        manifests = self._store.known_manifests([key for key in page if _MANIFEST.fullmatch(key)])
        return [key for key in page if is_orphan(key, jobs, files | manifests)]


def collecting(
    store: RetentionStore, objects: ObjectStore, stop: threading.Event, *, seconds: float, ttl_seconds: float
) -> Duty:
    """The duty of deleting, every `seconds`, orphans older than `ttl_seconds`."""
    return Duty("orphans", seconds, Collector(store, objects, ttl_seconds, stop).collect)


def _ids(keys: Iterable[str], pattern: re.Pattern[str], part: str) -> set[str]:
    return {found[part] for key in keys if (found := pattern.fullmatch(key))}


def _pages(keys: Iterator[str]) -> Iterator[list[str]]:
    while page := list(itertools.islice(keys, PAGE)):
        yield page
