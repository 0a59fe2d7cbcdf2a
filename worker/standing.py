"""What a worker process tells those who run its machine: a file that probes look for, and how much its pod is worth."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import structlog

log = structlog.get_logger(__name__)

IDLE, BUSY = 0, 100
# The API server is asked not to be told often, and under load a worker is busy nearly all the time.
LOOK_SECONDS = 5.0


class Pod(Protocol):
    """The Kubernetes pod of this process; worker.pod.KubernetesPod is one."""

    def set_deletion_cost(self, cost: int) -> None:
        """Pods of lower cost are deleted first. Raises OSError when it could not be said."""


class Standing:
    """Tells by `ready_file` that jobs are taken, and by the pod's deletion cost whether any are held.

    Neither is needed for any job: what cannot be told is logged, and told again at the next look.
    """

    def __init__(
        self,
        busy: Callable[[], bool],
        ready_file: Path | None = None,
        pod: Pod | None = None,
        look_seconds: float = LOOK_SECONDS,
    ) -> None:
        self._busy = busy
        self._ready_file = ready_file
        self._pod = pod
        self._look_seconds = look_seconds
        self._told: int | None = None
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._look, name="standing", daemon=True)

    def ready(self) -> None:
        """Jobs are taken from now on."""
        try:
            if self._ready_file is not None:
                self._ready_file.touch()
        except OSError as problem:
            log.error("ready_file_not_made", reason=str(problem), advice="let this account write its folder")
        if self._pod is not None:
            self._thread.start()

    def leaving(self) -> None:
        """No more jobs are taken. A drain is nobody's choice any more, so the cost stays as it was told last."""
        self._closing.set()
        remove(self._ready_file)

    def _look(self) -> None:
        while not self._closing.is_set():
            self.look()
            self._closing.wait(self._look_seconds)

    def look(self) -> None:
        """Tells the cost once, if it is another than the one told last."""
        cost = BUSY if self._busy() else IDLE
        if self._pod is None or cost == self._told:
            return
        try:
            self._pod.set_deletion_cost(cost)
        except OSError as problem:
            log.warning("deletion_cost_not_told", cost=cost, reason=str(problem))
        else:
            self._told = cost


def remove(ready_file: Path | None) -> None:
    """The machine does not take jobs, or not with all of its devices."""
    if ready_file is not None:
        ready_file.unlink(missing_ok=True)
