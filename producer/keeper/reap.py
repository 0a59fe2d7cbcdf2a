"""Takes jobs back from workers that died or lost their way."""

from __future__ import annotations

import time
from collections.abc import Callable

import structlog

from producer.keeper.keeper import Duty
from storage.database import Database
from storage.errors import DatabaseUnavailable
from storage.lease_store import LeaseStore

log = structlog.get_logger(__name__)

SECONDS = 5.0


class Reaper:
    """Ends leases that were not renewed, but not while the database itself may be the reason.

    While the database is away no worker can renew its lease, so that all of them seem dead when it is back, though
    they work on. So the reaper waits one lease after an outage: one it met itself, or one that the server's own
    start time tells of, for a keeper that was started after it.
    """

    def __init__(self, leases: LeaseStore, database: Database, clock: Callable[[], float] = time.monotonic) -> None:
        self._leases = leases
        self._database = database
        self._lease_seconds = leases.lease_seconds
        self._clock = clock
        self._away = False
        self._back = float("-inf")

    def reap(self) -> int:
        """How many leases were ended. Raises DatabaseUnavailable."""
        try:
            if self._must_wait(self._database.up_seconds()):
                return 0
            ids = self._leases.reap()
        except DatabaseUnavailable:
            self._away = True
            raise
        for job_id in ids:
            log.warning("lease_ended", job_id=job_id)
        return len(ids)

    def _must_wait(self, up_seconds: float | None) -> bool:
        if self._away:
            self._away, self._back = False, self._clock()
            log.info("reaping_waits_for_beats", seconds=self._lease_seconds)
        started_lately = up_seconds is not None and up_seconds < self._lease_seconds
        return started_lately or self._clock() - self._back < self._lease_seconds


def reaping(leases: LeaseStore, database: Database) -> Duty:
    """The duty of ending leases that were not renewed in time."""
    return Duty("reap", SECONDS, Reaper(leases, database).reap)
