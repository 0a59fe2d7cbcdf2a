"""Ends waiting jobs whose deadline has passed."""

from __future__ import annotations

import structlog

from producer.keeper.keeper import Duty
from storage.lease_store import LeaseStore

log = structlog.get_logger(__name__)

SECONDS = 1.0


def expiring(leases: LeaseStore) -> Duty:
    """The duty of expiring queued and held jobs; workers see to those that run."""

    def expire() -> int:
        ids = leases.expire()
        for job_id in ids:
            log.info("job_expired", job_id=job_id)
        return len(ids)

    return Duty("expire", SECONDS, expire)
