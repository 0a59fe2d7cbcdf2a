"""What a worker process counts. Jobs' own threads write it; the engine's thread keeps plain numbers, see Tally."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from prometheus_client import Counter, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from worker.engine.engine import Engine
from worker.slots import Slots

_SHORT = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0)
_LONG = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 120.0)
_WAITS = (0.05, 0.25, 1.0, 2.5, 5.0, 15.0, 60.0, 300.0, 1800.0, 7200.0)

CLAIM_SECONDS = Histogram("inpaintd_claim_seconds", "Seconds of one claim, which may take several jobs", buckets=_SHORT)
CLAIMED = Counter("inpaintd_jobs_claimed", "Jobs taken from the queue, each attempt anew, by model", ["model"])
WAIT_SECONDS = Histogram(
    "inpaintd_queue_wait_seconds",
    "Seconds from submit to first start of a job, by model",
    ["model"],
    buckets=_WAITS,
)
STEP_SECONDS = Histogram(
    "inpaintd_step_seconds",
    "Seconds of the steps of a job: load, prepare, check, denoise, mark, save",
    ["model", "step"],
    buckets=_LONG,
)
JOB_ERRORS = Counter(
    "inpaintd_job_errors",
    "Attempts that ended with an error, by code and by what became of the job: fail, retry, crash, release, abandon",
    ["code", "then"],
)

Reading = tuple[type[CounterMetricFamily] | type[GaugeMetricFamily], str, str, Callable[[], float]]


class EngineCollector(Collector):
    """Reads engine and slots when it is asked, so that the engine's thread never meets a lock of ours."""

    def __init__(self, engine: Engine, slots: Slots) -> None:
        counter, gauge, tally = CounterMetricFamily, GaugeMetricFamily, engine.tally
        self._readings: tuple[Reading, ...] = (
            (counter, "engine_busy_seconds", "Seconds in which the engine worked", lambda: engine.busy_seconds),
            (counter, "engine_idle_seconds", "Seconds in which it had nothing to do", lambda: engine.idle_seconds),
            (counter, "engine_unet_calls", "UNet calls", lambda: tally.calls),
            (counter, "engine_unet_seconds", "Seconds in UNet calls", lambda: tally.seconds),
            (counter, "engine_rows_used", "Rows of UNet calls that were some picture's", lambda: tally.rows_used),
            (counter, "engine_rows_run", "Rows of UNet calls, padding to a bucket included", lambda: tally.rows_run),
            (gauge, "engine_row_budget", "Rows of one UNet call at most", lambda: engine.row_budget),
            (
                gauge,
                "engine_stalled_seconds",
                "Seconds since it got something done, if busy",
                lambda: engine.stalled_seconds,
            ),
            (gauge, "worker_slots", "Jobs that this process holds at once", lambda: slots.count),
            (gauge, "worker_slots_busy", "Jobs that it holds now", lambda: slots.busy),
        )

    def describe(self) -> list[Metric]:
        """Nothing: two processes' worth in one, as in tests, are no error."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Every figure as it is now."""
        for family, name, text, read in self._readings:
            yield family(f"inpaintd_{name}", text, value=read())
