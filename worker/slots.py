"""The places for jobs in a worker process: whoever holds one claims and runs jobs while there is work."""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

import structlog

from storage.job import Job
from worker.claims import Claim, Claims
from worker.stop import StopReason

log = structlog.get_logger(__name__)

POLL_SECONDS = 1.0
# A job whose denoising alone would take so many times what is left of the grace is given back at once.
HOPELESS = 1.5
# How long jobs get to reach a place where they can stop. A call that cannot be interrupted, as to the object store,
# may outlast that; its job is then given back behind its back.
GIVE_WAY_SECONDS, HURRIED_SECONDS, LET_GO_SECONDS = 15.0, 0.8, 2.0


class Running(Protocol):
    """A job on its way; worker.execution.Execution is one."""

    def run(self) -> None:
        """Takes the job to its end."""

    def stop(self, reason: StopReason) -> None:
        """Makes run() end soon."""

    def seconds_left(self) -> float | None:
        """At least so long it will still take; None where that is not known."""

    def let_go(self) -> None:
        """Gives the job back to the queue although run() has not ended; what that still writes is void."""


class Slots:
    """Bounds what runs at once. Jobs come by ring (`answer`) or, should the ring be lost, by looking each second."""

    def __init__(self, claim: Claim, begin: Callable[[Job], Running], is_well: Callable[[], bool], count: int) -> None:
        """`claim(limit, alone)` takes due jobs; once `is_well()` is false the process gives itself up."""
        self._claims = Claims(claim)
        self._begin = begin
        self._is_well = is_well
        self._count = self._free = count
        self._running: set[Running] = set()
        self._changed = threading.Condition()
        self._draining = self._giving_way = self._hurried = False
        self._closing = threading.Event()
        self._pool = ThreadPoolExecutor(count, thread_name_prefix="slot")
        self._poller = threading.Thread(target=self._poll, name="poller", daemon=True)

    @property
    def count(self) -> int:
        """How many there are."""
        return self._count

    @property
    def busy(self) -> int:
        """How many hold a job, or are about to."""
        return self._count - self._free

    def start(self) -> None:
        """Begins to look for work."""
        self._poller.start()

    def answer(self) -> None:
        """Answers a ring: takes a free slot, if there is one, and works in this thread until nothing is due."""
        for job in self._claim(1):
            self._work(job)

    def drain(self, grace_seconds: float) -> bool:
        """Claims nothing more, lets jobs finish that can within `grace_seconds`, gives the others back, and waits.

        False: some job is in a call that does not end, and the process has to end without it.
        """
        log.info("drain_started", busy=self.busy, grace_seconds=grace_seconds)
        self._finish_within(grace_seconds)
        with self._changed:
            self._giving_way = True
            stopped = list(self._running)
        _stop(stopped)
        self._wait(GIVE_WAY_SECONDS, unless_hurried=True)
        if self._hurried:
            self._wait(HURRIED_SECONDS)
        with self._changed:
            left = list(self._running)
        _let_go(left)
        self._closing.set()
        self._pool.shutdown(wait=not left)
        log.info("drain_finished", given_back=len(stopped), let_go=len(left))
        return not left

    def hurry(self) -> None:
        """Ends the grace of a drain that is under way."""
        with self._changed:
            self._hurried = True
            self._changed.notify_all()

    def _finish_within(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        with self._changed:
            self._draining = True
        while not self._hurried and (left := end - time.monotonic()) > 0:
            with self._changed:
                hopeless = [running for running in self._running if (running.seconds_left() or 0) > HOPELESS * left]
            _stop(hopeless)
            if self._wait(min(POLL_SECONDS, left), unless_hurried=True):
                return

    def _wait(self, seconds: float, *, unless_hurried: bool = False) -> bool:
        """True once all slots are free; False after `seconds`."""
        with self._changed:
            self._changed.wait_for(lambda: self._idle() or (unless_hurried and self._hurried), seconds)
            return self._idle()

    def _idle(self) -> bool:
        return self._free == self._count

    def _poll(self) -> None:
        while not self._closing.wait(POLL_SECONDS * random.uniform(0.75, 1.25)):  # noqa: S311
            if not self._is_well():
                log.critical("process_gives_up", reason="the engine ended; a new process may find the device well")
                os.kill(os.getpid(), signal.SIGTERM)
                return
            try:
                for job in self._claim(self._count):
                    self._pool.submit(self._work, job)
            except Exception:
                # The database may be away for a moment; the next look comes in a second.
                log.exception("poll_failed")

    def _claim(self, limit: int) -> list[Job]:
        with self._changed:
            taken = 0 if self._draining or not self._is_well() else min(limit, self._free)
            self._free -= taken
        if taken == 0:
            return []
        jobs: list[Job] = []
        try:
            jobs = self._claims.take(taken)
        finally:
            self._give_free(taken - len(jobs))
        return jobs

    def _give_free(self, count: int) -> None:
        with self._changed:
            self._free += count
            self._changed.notify_all()

    def _work(self, job: Job) -> None:
        next_job: Job | None = job
        while next_job is not None:
            self._run(next_job)
            next_job = next(iter(self._claim(1)), None)

    def _run(self, job: Job) -> None:
        try:
            self._carry(self._begin(job))
        except Exception:
            # Nothing could be written, so the lease runs out and the job is taken back: it is late, not lost.
            log.exception("job_abandoned", job_id=job.id, attempt=job.attempt)
        finally:
            self._claims.done(job)
            self._give_free(1)

    def _carry(self, running: Running) -> None:
        with self._changed:
            self._running.add(running)
            late = self._giving_way
        if late:
            running.stop(StopReason.DRAIN)
        try:
            running.run()
        finally:
            with self._changed:
                self._running.discard(running)


def _stop(all_running: Iterable[Running]) -> None:
    for running in all_running:
        running.stop(StopReason.DRAIN)


def _let_go(all_running: Iterable[Running]) -> None:
    """Side by side and for a bounded time: where the database is away as well, the leases end by themselves."""
    threads = [threading.Thread(target=running.let_go, daemon=True) for running in all_running]
    for thread in threads:
        thread.start()
    end = time.monotonic() + LET_GO_SECONDS
    for thread in threads:
        thread.join(max(0.0, end - time.monotonic()))
