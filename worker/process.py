"""A worker process from start to end: work, drain, close; and the end of one whose engine hangs."""

from __future__ import annotations

import itertools
import os
import secrets
import socket
import threading
import time
from collections import deque

import structlog
from prometheus_client import REGISTRY

from storage import tracing
from storage.job import Job
from worker.execution import Execution
from worker.heartbeat import BEAT_SECONDS, Heartbeat
from worker.metrics import CLAIM_SECONDS, CLAIMED, WAIT_SECONDS, EngineCollector
from worker.pod import KubernetesPod
from worker.settings import WorkerSettings, api_server
from worker.slots import Slots
from worker.standing import Standing
from worker.tools import Tools

log = structlog.get_logger(__name__)

HUNG_STATUS = 75
"""Exit status of a process that ended itself because its engine hung."""
GIVE_UP_SECONDS = 5.0
BEATS_A_LEASE = 4


class WorkerProcess:
    """Everything that one worker process runs beside Celery's own loop. It closes `tools` at its end."""

    def __init__(self, tools: Tools, settings: WorkerSettings) -> None:
        # The random part tells this process from an earlier one that had the same id.
        self.owner = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
        self._grace_seconds = settings.grace_seconds
        self._hang_seconds = settings.hang_seconds
        self._tools = tools
        self._models = deque(tools.models)
        beat_seconds = min(BEAT_SECONDS, tools.leases.lease_seconds / BEATS_A_LEASE)
        self._heartbeat = Heartbeat(tools.leases, self.owner, beat_seconds, self._is_hung, self._end_hung)
        self._slots = Slots(self._claim, self._begin, lambda: tools.engine.alive, settings.slots)
        pod = KubernetesPod(settings.pod, api_server()) if settings.pod else None
        self._standing = Standing(lambda: self._slots.busy > 0, settings.ready_file, pod)
        self._figures: EngineCollector | None = None
        self._times_told = itertools.count()
        self._drainer = threading.Thread(target=self._drain, name="drain")

    def start(self) -> None:
        """Begins to work."""
        self._heartbeat.start()
        self._slots.start()
        self._standing.ready()
        self._figures = EngineCollector(self._tools.engine, self._slots)
        REGISTRY.register(self._figures)
        log.info("worker_started", owner=self.owner, models=list(self._models))

    def answer(self) -> None:
        """Answers one ring."""
        self._slots.answer()

    def drain_or_hurry(self) -> None:
        """Starts to drain; at the second call, hurries. Returns at once: it is called from a signal handler.

        That is also why it takes no lock: a second signal may come while the first is being handled.
        """
        if next(self._times_told) == 0:
            self._drainer.start()
        else:
            threading.Thread(target=self._slots.hurry, name="hurry").start()

    def close(self) -> None:
        """Drains if that has not begun, waits for it, and closes everything."""
        if next(self._times_told) == 0:
            self._drainer.start()
        self._drainer.join()
        if self._figures is not None:
            REGISTRY.unregister(self._figures)
        self._heartbeat.close()
        self._tools.close()
        log.info("worker_stopped", owner=self.owner)

    def _drain(self) -> None:
        self._standing.leaving()
        if not self._slots.drain(self._grace_seconds):
            log.warning("worker_ends_hard", reason="a call does not end; its job was given back")
            # Interpreter and Celery would both wait for the thread that sits in that call.
            os._exit(0)

    def _is_hung(self) -> bool:
        return self._tools.engine.stalled_seconds > self._hang_seconds

    def _end_hung(self) -> None:
        log.critical("engine_hung", stalled_seconds=self._tools.engine.stalled_seconds, owner=self.owner)
        # Its jobs come back at the next reaping, each to run alone, instead of when their leases end.
        giving_up = threading.Thread(target=self._tools.leases.give_up, args=[self.owner], daemon=True)
        giving_up.start()
        giving_up.join(GIVE_UP_SECONDS)
        os._exit(HUNG_STATUS)

    def _claim(self, limit: int, alone: bool) -> list[Job]:
        self._models.rotate(-1)  # each model is asked for first in turn, so that none waits for another's backlog
        began = time.time()
        with CLAIM_SECONDS.time():
            claimed = self._tools.leases.claim(self.owner, models=self._models, limit=limit, alone=alone)
        for job in claimed:
            CLAIMED.labels(job.params.model).inc()
            tracing.record("claim", job.trace, began, time.time())
            if job.attempt == 1 and job.started_at is not None:
                WAIT_SECONDS.labels(job.params.model).observe((job.started_at - job.created_at).total_seconds())
                tracing.record("queue", job.trace, job.created_at.timestamp(), job.started_at.timestamp())
        return claimed

    def _begin(self, job: Job) -> Execution:
        return Execution(job, self._tools, self._heartbeat)
