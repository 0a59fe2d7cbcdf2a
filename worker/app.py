"""Celery's entry point: `celery -A worker.app worker --pool threads`. Importing it reads the environment.

`python -P -m worker.app worker ...` is the same for the fleet: the current folder cannot pose as one of our packages,
and the process ends with the one that started it, so that a fleet that was killed leaves no second worker on a GPU.
"""

from __future__ import annotations

import ctypes
import signal
import sys
from typing import Any

import structlog
from celery import Celery, signals

from safety.settings import SafetySettings
from storage.broker import make_app
from storage.logs import configure_logging
from storage.settings import StorageSettings
from worker.process import WorkerProcess
from worker.settings import WorkerSettings
from worker.tasks import register

log = structlog.get_logger(__name__)

PR_SET_PDEATHSIG = 1  # linux/prctl.h


class Station:
    """Ties one WorkerProcess to the life of one Celery worker."""

    def __init__(self, storage: StorageSettings) -> None:
        self._storage = storage
        self._process: WorkerProcess | None = None
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
        try:
            self._process = WorkerProcess(self._storage, SafetySettings.from_env(), WorkerSettings.from_env())
        except Exception as problem:
            log.exception("worker_cannot_start")
            # Celery swallows ordinary exceptions of signal handlers and would run on without an engine.
            raise SystemExit(f"the worker cannot start: {problem}") from problem
        self._process.start()

    def _on_shutting_down(self, **_: Any) -> None:
        if self._process is not None:
            self._process.begin_drain()

    def _on_shutdown(self, **_: Any) -> None:
        if self._process is not None:
            self._process.close()


def build() -> Celery:
    """The application that the environment describes."""
    storage = StorageSettings.from_env()
    made = make_app(storage.redis_url)
    made.set_default()
    register(made, Station(storage).answer)
    return made


def end_with_parent() -> None:
    """Asks Linux for a SIGTERM when the parent is gone, however it ended; elsewhere nothing happens."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


app = build()

if __name__ == "__main__":
    end_with_parent()
    app.worker_main(sys.argv[1:])
