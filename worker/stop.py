"""Why a running job has to stop before it is finished."""

from __future__ import annotations

from enum import StrEnum

import structlog

from storage.job import Job, Order
from storage.job_store import JobStore

log = structlog.get_logger(__name__)


class StopReason(StrEnum):
    """Set once; the first reason counts."""

    CANCEL = "cancel"
    EXPIRE = "expire"
    LOST = "lost"
    DRAIN = "drain"

    @classmethod
    def of(cls, order: Order | None) -> StopReason:
        """The reason in an order that is not GO_ON; None means that the lease was lost."""
        return {Order.CANCEL: cls.CANCEL, Order.EXPIRE: cls.EXPIRE}.get(order, cls.LOST) if order else cls.LOST


def settle_stop(jobs: JobStore, job: Job, reason: StopReason | None, steps_done: int) -> None:
    """Writes what becomes of a job that stopped after `steps_done` denoising steps; a lost one is not touched."""
    receipt = {"actual_steps": steps_done}
    if reason is StopReason.CANCEL:
        jobs.finish_cancel(job, receipt=receipt)
    elif reason is StopReason.EXPIRE:
        jobs.finish_expired(job, receipt=receipt)
    elif reason is StopReason.DRAIN:
        jobs.release(job)
    log.info("job_stopped", reason=reason, steps_done=steps_done)
