"""The doorbell: Celery on Redis tells workers that there is work. What the work is stands in SQL alone.

A lost message costs a second, since every idle worker also looks into SQL; a doubled one costs nothing. So ringing
is best effort and never holds up the caller.
"""

from __future__ import annotations

import queue
import socket
import threading
import time

import structlog
from celery import Celery
from redis import Redis

from storage.formats import HEADER, WRITES
from storage.metrics import RINGS_LOST
from storage.repeats import Repeats

log = structlog.get_logger(__name__)

WORK_TASK = "inpaintd.work"
REDIS_SECONDS = 2.0
LONGEST_JOB_SECONDS = 1800
_WAITING_RINGS = 1000
# More messages wake nobody: they wait because no slot is free, and a worker that is awake goes on claiming. So Redis
# stays small however long the backlog, and while it is long a ring costs nothing.
ENOUGH_RINGS = 64
ENOUGH_SECONDS = 0.02


def queue_of(model: str) -> str:
    """The name of the Celery queue that rings for a model alias."""
    return f"inpaintd.{model}"


def make_app(redis_url: str) -> Celery:
    """A Celery application with the settings that a doorbell needs; each differs from the default for a reason."""
    app = Celery("inpaintd", broker=redis_url, set_as_current=False)
    app.conf.update(
        task_serializer="json",
        accept_content=["json"],  # no pickle, ever
        task_ignore_result=True,  # SQL is the status
        task_acks_late=True,  # a ring in progress is not lost with its process
        worker_prefetch_multiplier=1,  # no hoarding
        worker_cancel_long_running_tasks_on_connection_loss=False,  # a threads pool cannot end a job
        worker_enable_remote_control=False,  # its pub/sub socket goes deaf; cancel goes through SQL
        worker_hijack_root_logger=False,
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,  # else a worker gives up on Redis for good
        broker_channel_error_retry=True,  # READONLY at a failover is a channel error
        broker_connection_timeout=2,
        broker_transport_options=_transport_options(),
        task_publish_retry_policy={"max_retries": 1, "interval_start": 0, "interval_step": 0.2, "interval_max": 0.2},
    )
    return app


def _transport_options() -> dict[str, object]:
    keepalive = {
        getattr(socket, name): value
        for name, value in (("TCP_KEEPIDLE", 30), ("TCP_KEEPINTVL", 10), ("TCP_KEEPCNT", 3))
        if hasattr(socket, name)
    }
    return {
        "visibility_timeout": 2 * LONGEST_JOB_SECONDS,  # redelivery is harmless, but pointless
        "socket_timeout": 15,
        "socket_connect_timeout": 3,
        "socket_keepalive": True,
        "socket_keepalive_options": keepalive,
    }


class Doorbell:
    """Rings from a thread of its own, so that a Redis that is down or deaf never delays a submit."""

    def __init__(self, redis_url: str) -> None:
        self._app = make_app(redis_url)
        self._redis = Redis.from_url(redis_url, socket_timeout=REDIS_SECONDS, socket_connect_timeout=REDIS_SECONDS)
        self._rings: queue.Queue[tuple[str, str] | None] = queue.Queue(_WAITING_RINGS)
        self._dropped, self._failed = Repeats(), Repeats()
        self._enough_until: dict[str, float] = {}
        self._thread = threading.Thread(target=self._run, name="doorbell", daemon=True)
        self._thread.start()

    def ring(self, model: str, job_id: str) -> None:
        """Says that there is work for `model`; `job_id` is for tracing only. Returns at once and never raises."""
        try:
            self._rings.put_nowait((model, job_id))
        except queue.Full:
            RINGS_LOST.labels("full").inc()
            if count := self._dropped.note():
                log.warning("ring_dropped", count=count, job_id=job_id)

    def close(self, seconds: float = 5.0) -> None:
        """Sends what still waits, for `seconds` at most, and lets the connections go."""
        try:
            self._rings.put_nowait(None)
            self._thread.join(seconds)
        except queue.Full:
            log.warning("rings_abandoned")
        self._app.close()
        self._redis.close()

    def _run(self) -> None:
        while (ring := self._rings.get()) is not None:
            try:
                self._send(*ring)
            except Exception as problem:  # noqa: BLE001  (any failure of Redis is survivable: workers poll)
                RINGS_LOST.labels("failed").inc()
                if count := self._failed.note():
                    log.warning("ring_failed", count=count, job_id=ring[1], error=str(problem))

    def _send(self, model: str, job_id: str) -> None:
        queue_name = queue_of(model)
        if time.monotonic() < self._enough_until.get(queue_name, 0.0):
            return
        if int(self._redis.llen(queue_name)) >= ENOUGH_RINGS:
            self._enough_until[queue_name] = time.monotonic() + ENOUGH_SECONDS
        else:
            message = {"model": model, "job_id": job_id}
            self._app.send_task(WORK_TASK, kwargs=message, queue=queue_name, headers={HEADER: WRITES})
