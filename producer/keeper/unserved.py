"""Fails jobs whose model was taken off the list of models, so that they do not wait for ever."""

from __future__ import annotations

from collections.abc import Collection

import structlog

from producer.keeper.keeper import Duty
from storage.database import Database
from storage.unserved import fail_unserved

log = structlog.get_logger(__name__)

SECONDS = 60.0


def failing_unserved(database: Database, aliases: Collection[str]) -> Duty:
    """The duty of failing jobs that wait for a model which is none of `aliases`."""

    def fail() -> int:
        ids = fail_unserved(database, aliases)
        for job_id in ids:
            log.warning("model_gone", job_id=job_id)
        return len(ids)

    return Duty("unserved", SECONDS, fail)
