"""Finishes batches whose last job has ended, and closes those whose sender's process is gone."""

from __future__ import annotations

import structlog

from producer.keeper.keeper import Duty
from storage.batch_store import BatchStore

log = structlog.get_logger(__name__)

SECONDS = 1.0
# Longer than a sender may pause and the database may be waited for; a living process closes its batches itself.
ABANDONED_SECONDS = 120.0


def finishing(batches: BatchStore) -> Duty:
    """The duty of noticing the end of batches: one look into an index for each that is under way."""

    def finish() -> int:
        batches.close_abandoned(older_than_seconds=ABANDONED_SECONDS)
        ids = batches.finish()
        for batch_id in ids:
            log.info("batch_finished", batch_id=batch_id)
        return len(ids)

    return Duty("finish_batches", SECONDS, finish)
