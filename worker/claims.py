"""How a worker process claims: one claim at a time, shared by all slots that ask meanwhile."""

from __future__ import annotations

import threading
from collections.abc import Callable

from storage.failpoints import reach
from storage.group import GATHER_SECONDS, Group
from storage.job import Job

Claim = Callable[[int, bool], list[Job]]


class Claims:
    """Knows what this process holds. `claim(limit, alone)` takes due jobs from the queue; see LeaseStore.claim.

    One at a time, because `alone` must not come to mean two processes' worth of jobs: a job that has to run alone is
    taken only while nothing is held, and while it is held nothing else is taken.
    """

    def __init__(self, claim: Claim) -> None:
        self._claim = claim
        self._group: Group[int, list[Job]] = Group(self._take, gather_seconds=GATHER_SECONDS)
        self._lock = threading.Lock()
        self._held: dict[tuple[str, int], bool] = {}

    def take(self, wanted: int) -> list[Job]:
        """Up to `wanted` due jobs, now this process's own. Raises what the claim raises."""
        return self._group(wanted)

    def done(self, job: Job) -> None:
        """Says that a job taken here no longer runs."""
        with self._lock:
            self._held.pop((job.id, job.attempt), None)

    def _take(self, wanted: list[int]) -> list[list[Job] | Exception]:
        with self._lock:
            alone, has_solo = not self._held, any(self._held.values())
        jobs = [] if has_solo else self._claim(sum(wanted), alone)
        if jobs:
            reach("after_claim")
        with self._lock:
            self._held |= {(job.id, job.attempt): job.solo for job in jobs}
        return _deal(jobs, wanted)


def _deal(jobs: list[Job], wanted: list[int]) -> list[list[Job] | Exception]:
    dealt: list[list[Job] | Exception] = []
    for count in wanted:
        dealt.append(jobs[:count])
        jobs = jobs[count:]
    return dealt
