"""The circuit breaker of one webhook endpoint, as arithmetic: no clock, no database.

Closed, it lets everything through. FAILURES failures in a row open it: nothing is sent for a while. When that time is
over it is half open: one probe may go out, and its outcome closes the breaker or opens it for twice as long.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

FAILURES = 5
FIRST_SECONDS = 60.0
LONGEST_SECONDS = 3600.0
_DOUBLINGS = 6  # 60 s doubled six times is beyond an hour


@dataclass(frozen=True, slots=True)
class Breaker:
    """`failures` in a row so far; nothing is sent before `opened_until`."""

    failures: int = 0
    opened_until: datetime | None = None

    def is_open(self, now: datetime) -> bool:
        """True while nothing may be sent."""
        return self.opened_until is not None and self.opened_until > now

    def succeeded(self) -> Breaker:
        """After an answer of 2xx: closed, whatever came before."""
        return Breaker()

    def failed(self, now: datetime) -> Breaker:
        """After a failure at `now`. One that was sent before the breaker opened says nothing new."""
        if self.is_open(now):
            return self
        failures = self.failures + 1
        if failures < FAILURES:
            return Breaker(failures)
        return Breaker(failures, now + timedelta(seconds=open_seconds(failures)))


def open_seconds(failures: int) -> float:
    """For how long the breaker opens at the `failures`-th failure in a row, FAILURES or more."""
    doublings = min(failures - FAILURES, _DOUBLINGS)
    return float(min(FIRST_SECONDS * 2**doublings, LONGEST_SECONDS))
