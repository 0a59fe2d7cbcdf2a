"""Delivers webhooks: takes what is due from the outbox and sends it, many at once."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import structlog

from producer.keeper.keeper import Duty
from producer.webhooks.payload import job_payload
from producer.webhooks.sender import Sender
from storage.delivery_store import DeliveryStore
from storage.errors import JobNotFound
from storage.job_reader import JobReader
from storage.webhook import Claimed

log = structlog.get_logger(__name__)

SECONDS = 1.0
THREADS = 32
# How long one turn goes on while there is work, before the keeper is asked whether it should stop.
TURN_SECONDS = 2.0


class Courier:
    """Sends deliveries from a pool of threads. A slow receiver holds a few of them, never all."""

    def __init__(self, deliveries: DeliveryStore, jobs: JobReader, sender: Sender, threads: int = THREADS) -> None:
        self._deliveries = deliveries
        self._jobs = jobs
        self._sender = sender
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="webhook")
        self._free = threads
        self._changed = threading.Condition()

    def turn(self) -> int:
        """Starts sending what is due, as threads come free, until nothing is or TURN_SECONDS are over; how many."""
        end, started = time.monotonic() + TURN_SECONDS, 0
        while (free := self._await_free(end)) > 0:
            claimed = self._deliveries.claim(free)
            if not claimed:
                break
            for one in claimed:
                self._start(one)
            started += len(claimed)
        return started

    def close(self) -> None:
        """Waits for what is being sent; what was claimed and not begun goes out when its lease has ended."""
        self._pool.shutdown(cancel_futures=True)

    def _await_free(self, end: float) -> int:
        with self._changed:
            self._changed.wait_for(lambda: self._free > 0, max(0.0, end - time.monotonic()))
            return self._free if time.monotonic() < end else 0

    def _start(self, claimed: Claimed) -> None:
        with self._changed:
            self._free -= 1
        self._pool.submit(self._work, claimed)

    def _work(self, claimed: Claimed) -> None:
        try:
            self._deliver(claimed)
        except Exception as error:  # noqa: BLE001  (the lease ends and the delivery is tried again)
            log.warning("webhook_interrupted", delivery_id=claimed.delivery.id, error=str(error))
        finally:
            with self._changed:
                self._free += 1
                self._changed.notify()

    def _deliver(self, claimed: Claimed) -> None:
        body = self._body(claimed) if claimed.is_wanted else None
        if body is None:
            self._deliveries.drop(claimed)
            return
        outcome = self._sender.send(claimed.url, claimed.delivery.id, body.encode(), claimed.secrets)
        self._deliveries.record(claimed, outcome)
        log.info(
            "webhook_sent",
            delivery_id=claimed.delivery.id,
            attempt=claimed.delivery.attempts + 1,
            status=outcome.status,
            error=outcome.error,
            milliseconds=outcome.milliseconds,
        )

    def _body(self, claimed: Claimed) -> str | None:
        delivery = claimed.delivery
        if claimed.payload is not None or delivery.job_id is None:
            return claimed.payload
        try:
            job = self._jobs.get(delivery.job_id, delivery.tenant_id)
        except JobNotFound:
            return None
        return self._deliveries.freeze(delivery.id, job_payload(delivery.type, claimed.happened_at, job))


def delivering(courier: Courier) -> Duty:
    """The duty of sending webhooks."""
    return Duty("deliver", SECONDS, courier.turn)
