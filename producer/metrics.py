"""What API and keeper count as it happens, in the registry of their process."""

from __future__ import annotations

from prometheus_client import Counter, Histogram

from storage.job import Job
from storage.metrics import VERDICTS

HTTP_SECONDS = Histogram(
    "inpaintd_http_request_seconds",
    "Seconds until an answer began, by method, route and status; with `?wait` where the caller asked to wait",
    ["method", "route", "status"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0, 60.0),
)
ACCEPTED = Counter("inpaintd_jobs_accepted", "Jobs that were stored, by model and first state", ["model", "state"])
WEBHOOK_ATTEMPTS = Counter(
    "inpaintd_webhook_attempts",
    "Attempts to deliver a webhook: `delivered`, `refused` by the receiver, or `unanswered`",
    ["outcome"],
)
WEBHOOK_LAG = Histogram(
    "inpaintd_webhook_lag_seconds",
    "Seconds from an event to its delivery to a receiver that took it",
    buckets=(0.5, 1.0, 2.0, 5.0, 15.0, 60.0, 300.0, 3600.0, 86400.0),
)


def count_accepted(job: Job) -> None:
    """Counts a job that was stored just now, and what the policy said about its prompts."""
    ACCEPTED.labels(job.params.model, job.state).inc()
    VERDICTS.labels("prompt", job.safety["action"]).inc()
