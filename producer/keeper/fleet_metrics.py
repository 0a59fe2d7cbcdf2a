"""How the queues stand, in Prometheus's format: read from SQL when it is asked for, and here alone.

Every keeper serves the same figures, so a query takes their maximum and never their sum.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime

import structlog
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from storage.errors import DatabaseUnavailable
from storage.job import TERMINAL
from storage.queue_reader import QueueReader
from storage.upkeep_reader import UpkeepReader

log = structlog.get_logger(__name__)

# Two who ask at once get the same figures.
FRESH_SECONDS = 1.0
DUTIES = ("reap", "expire", "deliver")


class FleetCollector(Collector):
    """Gauges of what waits, and counters of what ended since this keeper was first asked."""

    def __init__(
        self,
        reader: QueueReader,
        upkeep: UpkeepReader,
        models: Iterable[str],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`models` have figures also while none of their jobs is there."""
        self._reader = reader
        self._upkeep = upkeep
        self._models = tuple(models)
        self._clock = clock
        self._lock = threading.Lock()
        self._since: datetime | None = None
        self._ended = Counter({(model, str(state)): 0 for model in self._models for state in TERMINAL})
        self._failed: Counter[tuple[str, str]] = Counter()
        self._read: tuple[float, list[Metric]] | None = None

    def describe(self) -> list[Metric]:
        """Nothing, so that the database is not asked before anybody wants to know."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Every figure; while the database does not answer, only that it does not."""
        with self._lock:
            if self._read is None or self._clock() - self._read[0] > FRESH_SECONDS:
                self._read = (self._clock(), self._figures())
            yield from self._read[1]

    def _figures(self) -> list[Metric]:
        up = GaugeMetricFamily("inpaintd_database_up", "Whether the database answers the keeper: 1 or 0")
        try:
            figures = [*self._queues(), *self._overdue(), *self._counted()]
        except DatabaseUnavailable:
            log.warning("fleet_metrics_unavailable")
            figures = []
        up.add_metric([], float(bool(figures)))
        return [up, *figures]

    def _queues(self) -> Iterator[Metric]:
        jobs = _gauge("inpaintd_jobs", "Jobs that have not ended, by model and state", "model", "state")
        oldest = _gauge("inpaintd_queue_oldest_seconds", "Age of the oldest job that waits, by model", "model")
        backlog = _gauge("inpaintd_backlog_seconds", "Seconds that the fleet needs for what waits, by model", "model")
        for queue in self._reader.queues(self._models):
            for state in ("queued", "running", "held"):
                jobs.add_metric([queue.model, state], getattr(queue, state))
            oldest.add_metric([queue.model], queue.oldest_seconds)
            backlog.add_metric([queue.model], queue.backlog_seconds)
        yield from (jobs, oldest, backlog)

    def _overdue(self) -> Iterator[Metric]:
        found = {late.duty: late for late in self._upkeep.overdue()}
        number = _gauge("inpaintd_overdue", "Leases, deadlines, webhooks a keeper should have seen to", "duty")
        seconds = _gauge("inpaintd_overdue_seconds", "For how long the oldest of them has been due", "duty")
        for duty in DUTIES:
            late = found.get(duty)
            number.add_metric([duty], late.count if late else 0)
            seconds.add_metric([duty], late.seconds if late else 0.0)
        yield from (number, seconds)

    def _counted(self) -> Iterator[Metric]:
        self._since, news = self._reader.ended(self._since)
        for one in news:
            self._ended[one.model, one.state] += one.count
            if one.code is not None:
                self._failed[one.model, one.code] += one.count
        ended = _counter("inpaintd_jobs_ended", "Jobs that ended, by model and state", "model", "state")
        failed = _counter("inpaintd_jobs_failed", "Jobs that failed, by model and error code", "model", "code")
        for family, counts in ((ended, self._ended), (failed, self._failed)):
            for labels, count in counts.items():
                family.add_metric(labels, count)
        yield from (ended, failed)


def _gauge(name: str, text: str, *labels: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, text, labels=labels)


def _counter(name: str, text: str, *labels: str) -> CounterMetricFamily:
    return CounterMetricFamily(name, text, labels=labels)
