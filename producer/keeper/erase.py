"""Erases: content by kind and age or on request, files nobody needs, idempotency keys past their day, marks."""

from __future__ import annotations

import threading
from collections.abc import Callable, Set

import structlog

from producer.keeper.keeper import Duty
from producer.shredder import Shredder
from storage.mark_store import MarkStore
from storage.object_store import ObjectStore
from storage.retention import OF_A_JOB, Days, Kind, Rule, rules_of
from storage.retention_rules import RetentionRules
from storage.retention_store import EndedJob, RetentionStore
from storage.strike_store import StrikeStore
from storage.upload_store import UploadStore

log = structlog.get_logger(__name__)

JOBS_SECONDS = 10.0
ASKED_SECONDS = 2.0
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
    """Removes content whose time is over: by the rules of tenants that have their own, else by those in `days`."""

    def __init__(self, shredder: Shredder, rules: RetentionRules, days: Days, stop: threading.Event) -> None:
        self._shredder = shredder
        self._store = shredder.store
        self._rules = rules
        self._days = days
        self._stop = stop

    def erase_jobs(self) -> int:
        """How many times an ended job lost what one rule names; the rows stay for audit."""
        return sum(self._erase_by(rule) for rule in self._due(OF_A_JOB))

    def erase_files(self) -> int:
        """How many uploaded files went, row and all; one that an unfinished job refers to stays for now."""
        return sum(self._erase_files(rule) for rule in self._due(frozenset({Kind.INPUTS})))

    def erase_words(self) -> int:
        """How many cases and batches lost what people wrote there."""
        cases = sum(self._chunks(rule, self._store.forget_words_of_cases) for rule in self._due({Kind.CASES}))
        batches = self._due({Kind.BATCHES})
        return cases + sum(self._chunks(rule, self._store.forget_metadata_of_batches) for rule in batches)

    def expire_held(self) -> int:
        """How many held jobs nobody decided in time."""
        return sum(self._store.expire_held(rule) for rule in self._due({Kind.HELD}))

    def _due(self, kinds: Set[Kind]) -> list[Rule]:
        return rules_of(self._days, self._rules.all(), frozenset(kinds))

    def _chunks(self, rule: Rule, work: Callable[..., int]) -> int:
        done = 0
        while not self._stop.is_set():
            count = work(rule, limit=CHUNK)
            done += count
            if count < CHUNK:
                break
        return done

    def _erase_by(self, rule: Rule) -> int:
        erased = 0
        while not self._stop.is_set():
            page = self._store.due(rule, limit=CHUNK)
            self._shredder.carry_out(rule, page)
            erased += len(page.jobs)
            if len(page.jobs) < CHUNK:
                break
        return erased

    def _erase_files(self, rule: Rule) -> int:
        erased, after = 0, ""
        while not self._stop.is_set():
            page = self._store.files(group=rule.group, older_than_days=rule.days, after=after, limit=FILE_CHUNK)
            self._shredder.delete([file.key for file in page.unused])
            self._store.forget_files([file.id for file in page.unused])
            for file in page.unused:
                log.info("file_erased", file_id=file.id)
            erased += len(page.unused)
            if page.last is None:
                break
            after = page.last
        return erased


def erasing(shredder: Shredder, rules: RetentionRules, days: Days, stop: threading.Event) -> list[Duty]:
    """The duties of erasing what is older than the rules of its tenant, else `days`, allow.

    They pause between chunks to look at `stop`.
    """
    eraser = Eraser(shredder, rules, days, stop)
    return [
        Duty("erase_jobs", JOBS_SECONDS, eraser.erase_jobs),
        Duty("erase_files", FILES_SECONDS, eraser.erase_files),
        Duty("erase_words", FILES_SECONDS, eraser.erase_words),
        Duty("expire_held", KEYS_SECONDS, eraser.expire_held),
    ]


def erasing_asked(shredder: Shredder, stop: threading.Event) -> Duty:
    """The duty of erasing jobs whose owner asked for it while they ran, or while the object store was away."""
    store = shredder.store
    return Duty("erase_asked", ASKED_SECONDS, lambda: _in_chunks(shredder, lambda: store.asked(limit=CHUNK), stop))


def _in_chunks(shredder: Shredder, due: Callable[[], list[EndedJob]], stop: threading.Event) -> int:
    erased = 0
    while not stop.is_set():
        jobs = due()
        shredder.shred(jobs)
        erased += len(jobs)
        if len(jobs) < CHUNK:
            break
    return erased


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
