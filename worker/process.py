"""A worker process from start to end: open the tools, work, drain, close."""

from __future__ import annotations

import os
import secrets
import socket
import threading

import structlog

from safety.settings import SafetySettings
from storage.job import Job
from storage.settings import StorageSettings
from worker.execution import Execution
from worker.heartbeat import Heartbeat
from worker.settings import WorkerSettings
from worker.slots import Slots
from worker.tools import open_tools

log = structlog.get_logger(__name__)


class WorkerProcess:
    """Everything that one worker process runs beside Celery's own loop."""

    def __init__(self, storage: StorageSettings, safety: SafetySettings, worker: WorkerSettings) -> None:
        # The random part tells this process from an earlier one that had the same id.
        self.owner = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
        self._grace_seconds = worker.grace_seconds
        self._tools = open_tools(storage, safety, worker)
        self._heartbeat = Heartbeat(self._tools.leases, self.owner)
        self._slots = Slots(self._claim, self._begin, lambda: self._tools.engine.alive, worker.slots)
        self._drain_once = threading.Lock()
        self._drainer: threading.Thread | None = None

    def start(self) -> None:
        """Begins to work."""
        self._heartbeat.start()
        self._slots.start()
        log.info("worker_started", owner=self.owner, model=self._tools.model["name"])

    def answer(self) -> None:
        """Answers one ring."""
        self._slots.answer()

    def begin_drain(self) -> None:
        """Starts to drain in a thread of its own; returns at once, for it is called from a signal handler."""
        with self._drain_once:
            if self._drainer is None:
                self._drainer = threading.Thread(target=self._slots.drain, args=[self._grace_seconds], name="drain")
                self._drainer.start()

    def close(self) -> None:
        """Drains if that has not begun, waits for it, and closes everything."""
        self.begin_drain()
        if self._drainer is not None:
            self._drainer.join()
        self._heartbeat.close()
        self._tools.close()
        log.info("worker_stopped", owner=self.owner)

    def _claim(self, limit: int) -> list[Job]:
        return self._tools.leases.claim(self.owner, models=["default"], limit=limit)

    def _begin(self, job: Job) -> Execution:
        return Execution(job, self._tools, self._heartbeat)
