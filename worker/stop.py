"""Why a running job has to stop before it is finished, and the sign by which its steps see that."""

from __future__ import annotations

import threading
from enum import StrEnum
from typing import Any

import structlog

from storage.job import Job, Order
from storage.job_store import JobStore
from worker.errors import RequestCanceled

log = structlog.get_logger(__name__)


class StopReason(StrEnum):
    """The first reason counts."""

    CANCEL = "cancel"
    EXPIRE = "expire"
    LOST = "lost"
    DRAIN = "drain"

    @classmethod
    def of(cls, order: Order | None) -> StopReason:
        """The reason in an order that is not GO_ON; None means that the lease was lost."""
        return {Order.CANCEL: cls.CANCEL, Order.EXPIRE: cls.EXPIRE}.get(order, cls.LOST) if order else cls.LOST


class StopSign:
    """Put up once, from any thread; the job's own thread looks at it between its steps."""

    def __init__(self) -> None:
        self.reason: StopReason | None = None
        self._lock = threading.Lock()
        self._up = threading.Event()

    def put_up(self, reason: StopReason) -> None:
        """Stops whoever looks, from now on."""
        with self._lock:
            self.reason = self.reason or reason
        self._up.set()

    def check(self) -> None:
        """Raises RequestCanceled once the sign is up."""
        if self._up.is_set():
            raise RequestCanceled(f"stopped: {self.reason}")

    def sleep(self, seconds: float) -> None:
        """Pauses. Raises RequestCanceled as soon as the sign is up."""
        self._up.wait(seconds)
        self.check()


def settle_stop(jobs: JobStore, job: Job, reason: StopReason | None, receipt: dict[str, Any]) -> None:
    """Writes what becomes of a job that was stopped; one that belongs to somebody else by now is not touched."""
    if reason is StopReason.CANCEL:
        jobs.finish_cancel(job, receipt=receipt)
    elif reason is StopReason.EXPIRE:
        jobs.finish_expired(job, receipt=receipt)
    elif reason is StopReason.DRAIN:
        jobs.release(job)
    log.info("job_stopped", reason=reason, **receipt)
