"""Erases the content of ended jobs: asked for by their owner, in the API, or because of their age, in the keeper."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import structlog

from storage.object_store import ObjectStore
from storage.retention import CONTENT, Rule
from storage.retention_store import DuePage, EndedJob, RetentionStore

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Shredder:
    """Objects go first, then the rows forget and say so: cut off in between, it can be done again."""

    store: RetentionStore
    objects: ObjectStore

    def shred(self, jobs: Sequence[EndedJob]) -> None:
        """Erases all of them. Raises ObjectStoreUnavailable and DatabaseUnavailable."""
        for job in jobs:
            self.delete(job.keys(CONTENT))
        self.store.mark_erased([job.id for job in jobs])
        for job in jobs:
            log.info("job_erased", job_id=job.id)

    def carry_out(self, rule: Rule, page: DuePage) -> None:
        """Erases what `rule` names of the jobs whose time has come. Raises as shred() does."""
        for job in page.jobs:
            self.delete(job.keys(rule.kinds))
        self.store.carry_out(rule, page)
        for job in page.jobs:
            log.info("content_erased", job_id=job.id, kinds=sorted(rule.kinds))

    def delete(self, keys: Iterable[str]) -> None:
        """Deletes objects; one that is gone already is no error."""
        for key in keys:
            self.objects.delete(key)
