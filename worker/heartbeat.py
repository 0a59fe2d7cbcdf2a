"""The heartbeat: one statement a second renews every lease of this process and brings back orders.

A cancel, or a deadline that passes by the database's clock, is therefore seen within a beat, and takes effect within
one denoising step of that.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

import structlog

from storage.job import Job, Order
from storage.lease_store import LeaseStore

log = structlog.get_logger(__name__)

BEAT_SECONDS = 1.0
Ticket = tuple[str, int]


class Heartbeat:
    """Keeps this process's jobs its own. `on_stop(reason)` of a job is called when it has to stop.

    Reasons are `Order.CANCEL`, `Order.EXPIRE`, and None when the job was lost to somebody else. Once `is_hung()` no
    lease is renewed any more: `end()` is called, and the beating is over.
    """

    def __init__(
        self,
        leases: LeaseStore,
        owner: str,
        beat_seconds: float = BEAT_SECONDS,
        is_hung: Callable[[], bool] = lambda: False,
        end: Callable[[], None] = lambda: None,
    ) -> None:
        self._leases = leases
        self._owner = owner
        self._beat_seconds = beat_seconds
        self._is_hung = is_hung
        self._end = end
        self._lock = threading.Lock()
        self._steps: dict[Ticket, int] = {}
        self._stops: dict[Ticket, Callable[[Order | None], None]] = {}
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="heartbeat", daemon=True)

    def start(self) -> None:
        """Begins to beat."""
        self._thread.start()

    def watch(self, job: Job, on_stop: Callable[[Order | None], None]) -> None:
        """Beats for `job` from now on."""
        with self._lock:
            self._steps[job.id, job.attempt] = 0
            self._stops[job.id, job.attempt] = on_stop

    def progress(self, job: Job, step: int) -> None:
        """Notes denoising steps done; the next beat carries them to SQL."""
        with self._lock:
            if (job.id, job.attempt) in self._steps:
                self._steps[job.id, job.attempt] = step

    def forget(self, job: Job) -> None:
        """Stops beating for `job`."""
        with self._lock:
            self._steps.pop((job.id, job.attempt), None)
            self._stops.pop((job.id, job.attempt), None)

    def beat(self) -> None:
        """One beat now; jobs that must stop are told."""
        with self._lock:
            steps = dict(self._steps)
        orders = self._leases.beat(self._owner, steps)
        for ticket in steps:
            order = orders.get(ticket)
            if order is not Order.GO_ON:
                self._tell(ticket, order)

    def close(self) -> None:
        """Stops beating."""
        self._closing.set()
        if self._thread.is_alive():
            self._thread.join()

    def _tell(self, ticket: Ticket, order: Order | None) -> None:
        with self._lock:
            on_stop = self._stops.pop(ticket, None)
        if on_stop is not None:
            log.info("job_told_to_stop", job_id=ticket[0], attempt=ticket[1], reason=order or "lost")
            on_stop(order)

    def _run(self) -> None:
        while not self._closing.wait(self._beat_seconds):
            if self._is_hung():
                self._end()
                return
            try:
                self.beat()
            except Exception:
                # A database that is away for a moment must not end the heart; the leases outlast several beats.
                log.exception("beat_failed")
