"""What the keeper counts, in Prometheus's text format."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

_BUCKETS = (0.001, 0.005, 0.02, 0.1, 0.5, 2.0, 10.0, 60.0, 300.0)


class DutyMetrics:
    """Counters of one keeper, each by the duty's name, in a registry of its own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._failures = Counter(
            "inpaintd_keeper_failures", "Runs of a duty that failed", ["duty"], registry=self.registry
        )
        self._done = Counter(
            "inpaintd_keeper_done", "Things a duty did: jobs reaped, objects erased", ["duty"], registry=self.registry
        )
        self._seconds = Histogram(
            "inpaintd_keeper_run_seconds",
            "Seconds of each run of a duty; its count is the number of runs",
            ["duty"],
            registry=self.registry,
            buckets=_BUCKETS,
        )
        self._success = Gauge(
            "inpaintd_keeper_last_success_timestamp_seconds",
            "Unix time at which a duty last ended well",
            ["duty"],
            registry=self.registry,
        )

    def succeeded(self, duty: str, seconds: float, done: int) -> None:
        """Counts a run that ended well after `seconds` and did `done` things."""
        self._seconds.labels(duty).observe(seconds)
        self._done.labels(duty).inc(done)
        self._failures.labels(duty)  # so that the series is there, at 0, before the first failure
        self._success.labels(duty).set_to_current_time()

    def failed(self, duty: str, seconds: float) -> None:
        """Counts a run that failed after `seconds`."""
        self._seconds.labels(duty).observe(seconds)
        self._failures.labels(duty).inc()
