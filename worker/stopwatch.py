"""How long the steps of one job take."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from storage import tracing
from storage.job import Job
from worker.metrics import STEP_SECONDS


class Stopwatch:
    """Seconds by the name of the step; a step that is done twice adds up."""

    def __init__(self, job: Job) -> None:
        waited = (job.started_at - job.created_at).total_seconds() if job.started_at else 0.0
        self._seconds = {"queued": waited}
        self._model = job.params.model

    @contextmanager
    def timed(self, name: str) -> Iterator[None]:
        """Counts the time of the block, unless it raises, and traces it at any rate."""
        began = time.perf_counter()
        with tracing.span(name):
            yield
        seconds = time.perf_counter() - began
        STEP_SECONDS.labels(self._model, name).observe(seconds)
        self._seconds[name] = self._seconds.get(name, 0.0) + seconds

    @property
    def timings(self) -> dict[str, float]:
        """The seconds so far, to a tenth of a millisecond."""
        return {name: round(seconds, 4) for name, seconds in self._seconds.items()}
