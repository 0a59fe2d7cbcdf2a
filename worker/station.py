"""One worker process inside one Celery worker: Celery's signals begin it, drain it and end it."""

from __future__ import annotations

import contextlib
import ctypes
import signal
import sys
from collections.abc import Callable
from typing import Any

import structlog
from celery import Celery, signals
from prometheus_client import REGISTRY

from storage import tracing
from storage.broker import make_app
from storage.exposition import LOOPBACK, serving
from storage.loading import loading
from storage.logs import configure_logging
from storage.settings import StorageSettings
from worker.process import WorkerProcess
from worker.settings import WorkerSettings
from worker.tasks import register
from worker.tools import Tools

log = structlog.get_logger(__name__)

PR_SET_PDEATHSIG = 1  # linux/prctl.h


class Station:
    """Ties one WorkerProcess to the life of one Celery worker; `open_tools()` is called when that begins."""

    def __init__(self, storage: StorageSettings, worker: WorkerSettings, open_tools: Callable[[], Tools]) -> None:
        self._storage = storage
        self._worker = worker
        self._open_tools = open_tools
        self._process: WorkerProcess | None = None
        self._open = contextlib.ExitStack()
        signals.setup_logging.connect(self._on_logging)
        signals.worker_init.connect(self._on_init)
        signals.worker_shutting_down.connect(self._on_shutting_down)
        signals.worker_shutdown.connect(self._on_shutdown)

    def answer(self) -> None:
        """Answers one ring."""
        if self._process is not None:
            self._process.answer()

    def _on_logging(self, **_: Any) -> None:
        """Being connected is enough: Celery leaves the logging as it is."""

    def _on_init(self, **_: Any) -> None:
        configure_logging(json=self._storage.log_json)  # Celery sets logging up only after this signal
        tracing.start("worker", self._storage.otlp_endpoint)
        try:
            with loading():
                self._process = WorkerProcess(self._open_tools(), self._worker)
        except Exception as problem:
            log.exception("worker_cannot_start")
            # Celery swallows ordinary exceptions of signal handlers and would run on without an engine.
            raise SystemExit(f"the worker cannot start: {problem}") from problem
        self._process.start()
        self._serve_metrics()

    def _serve_metrics(self) -> None:
        host, port = self._storage.metrics_host or LOOPBACK, self._worker.metrics_port
        try:
            self._open.enter_context(serving(REGISTRY, host, port))
        except OSError as problem:
            # No reason to leave a GPU idle; Prometheus sees that nobody answers it.
            log.error("metrics_not_served", host=host, port=port, error=str(problem))

    def _on_shutting_down(self, **_: Any) -> None:
        """Comes with every SIGTERM, so a second one is seen."""
        if self._process is not None:
            self._process.drain_or_hurry()

    def _on_shutdown(self, **_: Any) -> None:
        if self._process is not None:
            self._process.close()
        self._open.close()
        tracing.stop()


def build(open_tools: Callable[[StorageSettings, WorkerSettings], Tools]) -> Celery:
    """The Celery application that the environment describes, with these tools. Raises SettingsError."""
    storage, worker = StorageSettings.from_env(), WorkerSettings.from_env()
    made = make_app(storage.redis_url)
    made.set_default()
    station = Station(storage, worker, lambda: open_tools(storage, worker))
    register(made, station.answer)
    return made


def run(app: Celery, arguments: list[str]) -> None:
    """Runs the Celery worker of `app` in this process until it is told to stop."""
    _end_with_parent()
    app.worker_main(arguments)


def _end_with_parent() -> None:
    """Asks Linux for a SIGTERM when the parent is gone, however it ended; elsewhere nothing happens."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
