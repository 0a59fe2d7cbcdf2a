"""The places for jobs in a worker process: whoever holds one claims and runs jobs while there is work."""

from __future__ import annotations

import os
import random
import signal
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

import structlog

from storage.job import Job
from worker.stop import StopReason

log = structlog.get_logger(__name__)

POLL_SECONDS = 1.0


class Running(Protocol):
    """A job on its way; worker.execution.Execution is one."""

    def run(self) -> None:
        """Takes the job to its end."""

    def stop(self, reason: StopReason) -> None:
        """Makes run() end soon."""


class Slots:
    """Bounds what runs at once. Jobs come by ring (`answer`) or, should the ring be lost, by looking each second."""

    def __init__(
        self,
        claim: Callable[[int], list[Job]],
        begin: Callable[[Job], Running],
        is_well: Callable[[], bool],
        count: int,
    ) -> None:
        """`claim(limit)` takes due jobs from the queue; once `is_well()` is false the process gives itself up."""
        self._claim_jobs = claim
        self._begin = begin
        self._is_well = is_well
        self._count = self._free = count
        self._running: set[Running] = set()
        self._changed = threading.Condition()
        self._draining = self._giving_way = False
        self._closing = threading.Event()
        self._pool = ThreadPoolExecutor(count, thread_name_prefix="slot")
        self._poller = threading.Thread(target=self._poll, name="poller", daemon=True)

    def start(self) -> None:
        """Begins to look for work."""
        self._poller.start()

    def answer(self) -> None:
        """Answers a ring: takes a free slot, if there is one, and works in this thread until nothing is due."""
        for job in self._claim(1):
            self._work(job)

    def drain(self, grace_seconds: float) -> None:
        """Claims nothing more, lets running jobs finish for `grace_seconds`, then makes them give way and waits."""
        with self._changed:
            self._draining = True
            log.info("drain_started", busy=self._count - self._free, grace_seconds=grace_seconds)
            self._changed.wait_for(self._idle, grace_seconds)
            self._giving_way = True
            left = list(self._running)
        for running in left:
            running.stop(StopReason.DRAIN)
        with self._changed:
            self._changed.wait_for(self._idle)
        self._closing.set()
        self._pool.shutdown()
        log.info("drain_finished", given_back=len(left))

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
            jobs = self._claim_jobs(taken)
        finally:
            with self._changed:
                self._free += taken - len(jobs)
        return jobs

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
            with self._changed:
                self._free += 1
                self._changed.notify_all()

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
