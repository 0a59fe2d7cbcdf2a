"""Erases the content of ended jobs: asked for by their owner, in the API, or because of their age, in the keeper."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import structlog

from storage.object_store import ObjectStore
from storage.retention_store import EndedJob, RetentionStore

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Shredder:
    """Objects go first, then the rows forget and say so: cut off in between, it can be done again."""

    store: RetentionStore
    objects: ObjectStore

    def shred(self, jobs: Sequence[EndedJob]) -> None:
        """Erases all of them. Raises ObjectStoreUnavailable and DatabaseUnavailable."""
        for job in jobs:
            self.delete(job.keys)
        self.store.mark_erased([job.id for job in jobs])
        for job in jobs:
            log.info("job_erased", job_id=job.id)

    def delete(self, keys: Iterable[str]) -> None:
        """Deletes objects; one that is gone already is no error."""
        for key in keys:
            self.objects.delete(key)
