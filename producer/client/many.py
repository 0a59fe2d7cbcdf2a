"""Many jobs, one by one: under keys that are the same whenever the same jobs are sent, and through one gate."""

from __future__ import annotations

import hashlib
import json
import threading
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from producer.client.errors import ClientError
from producer.client.job_calls import request_body, send_job
from producer.client.retries import Gate
from producer.client.steps import Steps, Work
from producer.client.types import JobView

CONCURRENCY = 8
PATIENCE_SECONDS = 600.0
_KEY_DIGITS = 40


@dataclass(frozen=True, slots=True)
class Submission:
    """What became of one job of `submit_many`: the job as accepted, or why there is none.

    `index` counts from 0 in the order of the jobs; `replayed` says that an earlier call had made the job.
    """

    index: int
    request: Mapping[str, Any]
    job: JobView | None
    error: ClientError | OSError | None
    replayed: bool = False


class Many:
    """The calls of one `submit_many`. Safe for several threads.

    A job without an `idempotency_key` of its own gets one that follows from the name of the `run` and its index, or,
    without a name, from its content and how often that came before, so that the same call again finds the same jobs.
    """

    def __init__(self, run: str | None, patience: float) -> None:
        self._run = run
        self._gate = Gate(patience)
        self._seen: Counter[str] = Counter()
        self._lock = threading.Lock()

    def call(self, index: int, job: Mapping[str, Any]) -> Steps[Submission]:
        """Submits one job; an error of its own is its result, and raises nothing."""
        fields = dict(job)
        key = fields.pop("idempotency_key", None)
        try:
            body = yield Work(lambda: request_body(fields))
            accepted, replayed = yield from send_job(body, key or self._key(index, body), self._gate)
        except (ClientError, OSError) as error:
            return Submission(index, job, None, error)
        return Submission(index, job, accepted, None, replayed)

    def _key(self, index: int, body: dict[str, Any]) -> str:
        if self._run is not None:
            return f"{self._run}/{index}"
        digest = hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()[:_KEY_DIGITS]
        with self._lock:
            self._seen[digest] += 1
            return f"{digest}/{self._seen[digest]}"
