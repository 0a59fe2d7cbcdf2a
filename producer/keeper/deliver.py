"""Delivers webhooks: takes what is due from the outbox and sends it, many at once."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import structlog

from producer.keeper.keeper import Duty
from producer.metrics import WEBHOOK_ATTEMPTS, WEBHOOK_LAG
from producer.webhooks.payload import batch_payload, job_payload
from producer.webhooks.sender import Sender
from storage import tracing
from storage.batch_store import BatchStore
from storage.delivery_store import DeliveryStore
from storage.errors import JobNotFound
from storage.failpoints import reach
from storage.job import Job
from storage.job_reader import JobReader
from storage.webhook import Claimed, Outcome

log = structlog.get_logger(__name__)

SECONDS = 1.0
THREADS = 32
# How long one turn goes on while there is work, before the keeper is asked whether it should stop.
TURN_SECONDS = 2.0
# How soon to look for more while all that is due waits for what is being sent.
PAUSE_SECONDS = 0.25


class Courier:
    """Sends deliveries from a pool of threads. A slow receiver holds a few of them, never all."""

    def __init__(
        self,
        deliveries: DeliveryStore,
        jobs: JobReader,
        batches: BatchStore,
        sender: Sender,
        threads: int = THREADS,
        foreign_body: Callable[[Job], str | None] = lambda _job: None,
    ) -> None:
        """`foreign_body` gives the body for a URL that the job itself named in another tongue; None: it was in ours."""
        self._deliveries = deliveries
        self._jobs = jobs
        self._batches = batches
        self._sender = sender
        self._foreign_body = foreign_body
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="webhook")
        self._threads = self._free = threads
        self._ended = 0
        self._changed = threading.Condition()

    def turn(self) -> int:
        """Sends what is due until nothing is, or for TURN_SECONDS; returns how many it began. Some may go on."""
        end, begun = time.monotonic() + TURN_SECONDS, 0
        while time.monotonic() < end:
            with self._changed:
                free, ended = self._free, self._ended
            claimed = self._deliveries.claim(free) if free else []
            for one in claimed:
                self._start(one)
            begun += len(claimed)
            if not claimed and not self._await_end(ended):
                break
        return begun

    def close(self) -> None:
        """Waits for what is being sent; what was claimed and not begun goes out when its lease has ended."""
        self._pool.shutdown(cancel_futures=True)

    def _await_end(self, ended: int) -> bool:
        """Waits a moment for a delivery to end, which makes room for its endpoint's next; False if none can."""
        with self._changed:
            if self._free == self._threads and self._ended == ended:
                return False
            self._changed.wait_for(lambda: self._ended != ended, PAUSE_SECONDS)
            return True

    def _start(self, claimed: Claimed) -> None:
        with self._changed:
            self._free -= 1
        self._pool.submit(self._work, claimed)

    def _work(self, claimed: Claimed) -> None:
        try:
            with tracing.span("webhook", claimed.trace, root=claimed.trace is None, delivery_id=claimed.delivery.id):
                self._deliver(claimed)
        except Exception as error:  # noqa: BLE001  (the lease ends and the delivery is tried again)
            told = claimed.delivery
            log.warning("webhook_interrupted", delivery_id=told.id, job_id=told.job_id, error=str(error))
        finally:
            with self._changed:
                self._free += 1
                self._ended += 1
                self._changed.notify()

    def _deliver(self, claimed: Claimed) -> None:
        body = self._body(claimed) if claimed.is_wanted else None
        if body is None:
            self._deliveries.drop(claimed)
            return
        outcome = self._sender.send(claimed.url, claimed.delivery.id, body.encode(), claimed.secrets)
        reach("after_send")
        self._deliveries.record(claimed, outcome)
        _count(claimed, outcome)
        log.info(
            "webhook_sent",
            delivery_id=claimed.delivery.id,
            job_id=claimed.delivery.job_id,
            attempt=claimed.delivery.attempts + 1,
            status=outcome.status,
            error=outcome.error,
            milliseconds=outcome.milliseconds,
        )

    def _body(self, claimed: Claimed) -> str | None:
        delivery = claimed.delivery
        if claimed.payload is not None:
            return claimed.payload
        body = self._of_batch(claimed) if delivery.job_id is None else self._of_job(claimed, delivery.job_id)
        return None if body is None else self._deliveries.freeze(delivery.id, body)

    def _of_job(self, claimed: Claimed, job_id: str) -> str | None:
        try:
            job = self._jobs.get(job_id, claimed.delivery.tenant_id)
        except JobNotFound:
            return None
        body = self._foreign_body(job) if claimed.is_own else None
        return body or job_payload(claimed.delivery.type, claimed.happened_at, job)

    def _of_batch(self, claimed: Claimed) -> str | None:
        if claimed.batch_id is None:
            return None
        tenant_id = claimed.delivery.tenant_id
        batch, tally = self._batches.get(claimed.batch_id, tenant_id), self._batches.tally(claimed.batch_id, tenant_id)
        return batch_payload(claimed.delivery.type, claimed.happened_at, batch, tally)


def _count(claimed: Claimed, outcome: Outcome) -> None:
    if outcome.is_success:
        WEBHOOK_LAG.observe(max(0.0, (datetime.now(UTC) - claimed.happened_at).total_seconds()))
    kind = "delivered" if outcome.is_success else "unanswered" if outcome.status is None else "refused"
    WEBHOOK_ATTEMPTS.labels(kind).inc()


def delivering(courier: Courier) -> Duty:
    """The duty of sending webhooks."""
    return Duty("deliver", SECONDS, courier.turn)
