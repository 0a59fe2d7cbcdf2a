"""Takes jobs back from workers that died or lost their way."""

from __future__ import annotations

import structlog

from producer.keeper.keeper import Duty
from storage.lease_store import LeaseStore

log = structlog.get_logger(__name__)

SECONDS = 5.0


def reaping(leases: LeaseStore) -> Duty:
    """The duty of ending leases that were not renewed."""

    def reap() -> None:
        for job_id in leases.reap():
            log.warning("lease_ended", job_id=job_id)

    return Duty("reap", SECONDS, reap)
