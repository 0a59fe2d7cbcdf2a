"""What one API process takes, beside a bare FastAPI route with one INSERT on the same machine in the same run.

    python -m bench.api_load [--only submit,reads,waiters] [--seconds 4] [--rounds 3]

Real processes: the API as `inpaintd api` runs it, PostgreSQL and Redis from wheels, the callers in a process of their
own. Exits 1 when a target is missed; ends what it starts.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import sys
import tempfile
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

from bench.api_stage import Stage, bare_stage, stage
from bench.api_waiters import standing_jobs, wait_for_jobs
from bench.embedded_redis import embedded_redis
from bench.http_load import Outcome, Plan, request
from bench.prompt_policy import load_set
from bench.targets import Row, report
from tests import servers

CONNECTIONS, PAIRS, BODIES = 64, 8, 2000
JOBS, WAITERS = 600, 2000
SUBMIT_RATIO, SUBMIT_P99_MS, READS = 0.6, 100.0, 1500.0
WAITER_MEGABYTES, WAITER_THREADS, WAKE_P95_MS = 300.0, 64, 250.0


class Bench:
    """The servers, and what is measured on them."""

    def __init__(self, folder: Path, postgres: str, redis_url: str, seconds: float, rounds: int) -> None:
        self._folder = folder
        self._postgres = postgres
        self._redis_url = redis_url
        self._seconds = seconds
        self._rounds = rounds

    def submit(self) -> list[Row]:
        """Submits by reference and the bare route by turns; then half of what was reached, at random moments."""
        ours: list[Outcome] = []
        bare: list[Outcome] = []
        with (
            stage(self._folder, self._postgres, self._redis_url) as api,
            bare_stage(self._folder, self._postgres) as port,
        ):
            bodies = submit_bodies(api)
            requests = [request("POST", "/v1/jobs", api.headers, body) for body in bodies]
            bare_requests = [request("POST", "/orders", api.headers, body) for body in bodies]
            self._closed(api.port, requests, 1.0)
            for _ in range(self._rounds):
                bare.append(self._closed(port, bare_requests))
                ours.append(self._closed(api.port, requests))
                print(f"  submits/s: bare {bare[-1].rate:.0f}, inpaintd {ours[-1].rate:.0f}", flush=True)
            rate = statistics.median(outcome.rate for outcome in ours)
            half = Plan(api.port, requests, 2 * CONNECTIONS, self._seconds, rate / 2).carried_out()
        check([*ours, *bare, half])
        # Of each pair by itself: what the machine does besides changes from one to the next.
        ratio = statistics.median(mine.rate / theirs.rate for mine, theirs in zip(ours, bare, strict=True))
        print(f"  at half load: {half.rate:.0f}/s, p50 {half.p50:.1f} ms, p95 {half.p95:.1f} ms, p99 {half.p99:.1f} ms")
        return [
            ("submits a second, beside the bare route", ratio, ">=", SUBMIT_RATIO),
            ("submit at half load, p99 in ms", half.p99, "<=", SUBMIT_P99_MS),
        ]

    def reads(self) -> list[Row]:
        """GET /v1/jobs/{id} of jobs of which a third waits, a third runs and a third has ended."""
        with self._stage() as api:
            requests = [request("GET", f"/v1/jobs/{job}", api.headers) for job in standing_jobs(api, JOBS)]
            self._closed(api.port, requests, 1.0)
            outcomes = [self._closed(api.port, requests) for _ in range(self._rounds)]
        check(outcomes)
        for outcome in outcomes:
            print(f"  reads/s: {outcome.rate:.0f}, p50 {outcome.p50:.1f} ms, p99 {outcome.p99:.1f} ms", flush=True)
        return [("status reads a second", statistics.median(o.rate for o in outcomes), ">=", READS)]

    def _stage(self) -> AbstractContextManager[Stage]:
        return stage(self._folder, self._postgres, self._redis_url)

    def _closed(self, port: int, requests: list[str], seconds: float | None = None) -> Outcome:
        return Plan(port, requests, CONNECTIONS, seconds or self._seconds).carried_out()

    def waiters(self) -> list[Row]:
        """Long polls and event streams at once, while their jobs end."""
        with self._stage() as api:
            waited = wait_for_jobs(api, WAITERS)
        told = len([wake for wake in waited.wakes if wake < float("inf")])
        print(f"  {told} of {WAITERS} waiters were told, p50 {waited.percentile(0.5):.0f} ms", flush=True)
        if told < WAITERS:
            raise AssertionError(f"{WAITERS - told} waiters were never told of the end of their jobs")
        return [
            (f"{WAITERS} waiters, MB of memory", waited.megabytes, "<=", WAITER_MEGABYTES),
            (f"{WAITERS} waiters, threads", waited.threads, "<=", WAITER_THREADS),
            (f"{WAITERS} waiters, wake-up p95 in ms", waited.percentile(0.95), "<=", WAKE_P95_MS),
        ]


def submit_bodies(api: Stage) -> list[str]:
    """Requests by reference: harmless instructions that people write, none of them twice."""
    pairs, pick = api.uploaded(PAIRS), random.Random(1)
    benign = [sample.prompt for half in ("dev", "unseen") for sample in load_set(half)[1]]
    prompts = [f"{pick.choice(benign)}, version {number}" for number in range(BODIES)]
    return [json.dumps({**pick.choice(pairs), "prompt": prompt, "steps": 20}) for prompt in prompts]


def check(outcomes: list[Outcome]) -> None:
    """Raises AssertionError unless every answer was a success: refusals are fast."""
    for outcome in outcomes:
        if not outcome.is_clean:
            raise AssertionError(f"some requests failed: {outcome.statuses}")


def main() -> int:
    """The program."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default=",".join(PARTS), help="parts to run, with commas between them")
    parser.add_argument("--seconds", type=float, default=4.0, help="of each measurement")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as folder, servers.postgres() as postgres, embedded_redis(Path(folder)) as redis:
        bench = Bench(Path(folder), postgres.uri, redis, options.seconds, options.rounds)
        for part in options.only.split(","):
            print(part, flush=True)
            rows += PARTS[part](bench)
    return report(rows)


PARTS: dict[str, Callable[[Bench], list[Row]]] = {
    "submit": Bench.submit,
    "reads": Bench.reads,
    "waiters": Bench.waiters,
}

if __name__ == "__main__":
    sys.exit(main())
