"""How fast the queue is, beside two others on the same PostgreSQL in the same run. No engine: bookkeeping alone.

    python -m bench.queue_throughput [--jobs 4000] [--rounds 3] [--backlog 1000000] [--chart docs/queue-throughput.svg]

Drained jobs a second of one worker process (inpaintd; a Celery task that writes one status row; procrastinate), by
turns; inserts of each; latency from submit to start on an idle system; the claim at a backlog of 1,000 and of
1,000,000. Every rate is taken from the database's own clock. `audited` is inpaintd with the audit records that the
product writes beside: no queue has the like of them, so they are shown apart. The oracle runs after each drain. Exits
1 when a target is missed. Needs the dependency group `bench`; ends what it starts.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import procrastinate
import psycopg
from redis import Redis

from bench.embedded_redis import embedded_redis
from bench.queue_backlog import claim_medians
from bench.queue_chart import draw_chart
from bench.queue_latency import measure_latency
from bench.queue_records import recorded_job
from bench.queue_systems import procrastinate_app
from bench.targets import report
from storage.broker import Doorbell
from storage.database import Database, migrate
from storage.job import NewJob
from storage.key_store import KeyStore
from storage.submissions import Submissions
from tests import servers
from tests.chaos.oracle import Oracle
from tests.jobs import new_job

CONCURRENCY, CHUNK, WAIT_SECONDS = 64, 500, 120.0
SYSTEMS = ("inpaintd", "audited", "celery", "procrastinate")
DRAIN_CELERY, DRAIN_PROCRASTINATE, CLAIM_RATIO, P50_MS, P99_MS = 2.0, 1.0, 1.5, 25.0, 100.0
REDIS_MEGABYTES = 32.0


@dataclass(slots=True)
class Figures:
    """Jobs a second, a value for each round."""

    drained: dict[str, list[float]] = field(default_factory=lambda: {name: [] for name in SYSTEMS})
    inserted: dict[str, list[float]] = field(default_factory=dict)

    def median(self, name: str) -> float:
        """Drained jobs a second."""
        return statistics.median(self.drained[name])


class Round:
    """A fresh database and an empty Redis for one drain of one system."""

    def __init__(self, database_url: str, redis_url: str, jobs: int, inserted: dict[str, list[float]]) -> None:
        self._database_url = database_url
        self._redis_url = redis_url
        self._jobs = jobs
        self._inserted = inserted

    def drain(self, name: str) -> float:
        """Jobs a second from the first to the last that was finished."""
        fill, command, ended = {
            "inpaintd": (self._fill_inpaintd, self._python("inpaintd"), "SELECT finished_at FROM jobs"),
            "audited": (self._fill_audited, self._python("audited"), "SELECT finished_at FROM jobs"),
            "celery": (self._fill_celery, self._celery(), "SELECT finished_at FROM status"),
            "procrastinate": (
                self._fill_procrastinate,
                self._python("procrastinate"),
                "SELECT at FROM procrastinate_events WHERE type = 'succeeded'",
            ),
        }[name]
        fill()
        env = {**os.environ, "BENCH_DATABASE_URL": self._database_url, "BENCH_REDIS_URL": self._redis_url}
        worker = subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            return self._rate(ended)
        finally:
            worker.kill()
            worker.wait()
            if name in ("inpaintd", "audited"):
                self._consult_oracle()

    def _python(self, name: str) -> list[str]:
        module = [sys.executable, "-m", "bench.queue_systems", name]
        return [*module, self._database_url, self._redis_url, str(CONCURRENCY)]

    def _celery(self) -> list[str]:
        command = [
            sys.executable,
            "-m",
            "celery",
            "-A",
            "bench.celery_system",
            "--quiet",
            "worker",
            "--queues",
            "paint",
        ]
        return [
            *command,
            "--pool",
            "threads",
            "--concurrency",
            str(CONCURRENCY),
            "--without-gossip",
            "--without-mingle",
        ]

    def _fill_inpaintd(self) -> None:
        self._fill_ours(new_job, "inpaintd, bulk, durable")

    def _fill_audited(self) -> None:
        self._fill_ours(recorded_job, "inpaintd, bulk, durable, audited")

    def _fill_ours(self, make: Callable[[str], NewJob], name: str) -> None:
        migrate(self._database_url)
        database, doorbell = Database(self._database_url), Doorbell(self._redis_url)
        tenant = KeyStore(database).create_tenant("bench")
        submissions, began = Submissions(database), time.perf_counter()
        for _ in range(0, self._jobs, CHUNK):
            for answer in submissions.submit_many([make(tenant) for _ in range(CHUNK)]):
                if isinstance(answer, Exception):
                    raise answer
                doorbell.ring("default", answer.job.id)
        self._note(name, began)
        doorbell.close(60)
        database.close()

    def _fill_celery(self) -> None:
        with psycopg.connect(self._database_url, autocommit=True) as connection:
            connection.execute("CREATE TABLE status (id text PRIMARY KEY, state text, finished_at timestamptz)")
        os.environ |= {"BENCH_DATABASE_URL": self._database_url, "BENCH_REDIS_URL": self._redis_url}
        from bench.celery_system import app, paint

        app.conf.broker_url = self._redis_url
        began = time.perf_counter()
        for number in range(self._jobs):
            paint.delay(f"job_{number}")
        self._note("Celery, one by one, not durable", began)

    def _fill_procrastinate(self) -> None:
        app = procrastinate_app(procrastinate.SyncPsycopgConnector(conninfo=self._database_url))
        with app.open():
            app.schema_manager.apply_schema()
            began = time.perf_counter()
            for start in range(0, self._jobs, CHUNK):
                args = [{"job_id": f"job_{number}"} for number in range(start, start + CHUNK)]
                app.tasks["paint"].batch_defer(*args)
            self._note("procrastinate, bulk, durable", began)

    def _note(self, name: str, began: float) -> None:
        self._inserted.setdefault(name, []).append(self._jobs / (time.perf_counter() - began))

    def _rate(self, ended: str) -> float:
        query = f"SELECT count(at), extract(epoch FROM max(at) - min(at)) FROM ({ended}) AS ends(at)"
        end = time.monotonic() + WAIT_SECONDS
        with psycopg.connect(self._database_url, autocommit=True) as connection:
            while time.monotonic() < end:
                count, seconds = connection.execute(query).fetchone() or (0, None)
                if count == self._jobs:
                    return (self._jobs - 1) / float(seconds)
                time.sleep(0.5)  # a look costs the systems a little, all the same little
        raise TimeoutError(f"{count} of {self._jobs} jobs were done after {WAIT_SECONDS:.0f} s")

    def _consult_oracle(self) -> None:
        database = Database(self._database_url)
        problems = Oracle(database).histories()
        database.close()
        if problems:
            raise AssertionError(f"{len(problems)} jobs were lost or doubled, such as: {problems[0]}")


def measure_drains(postgres: str, redis_url: str, jobs: int, rounds: int) -> Figures:
    """Every system in turn, `rounds` times."""
    figures = Figures()
    for number in range(rounds):
        for name in SYSTEMS:
            with Redis.from_url(redis_url) as redis:
                redis.flushall()
            with servers.fresh_database(postgres, f"{name}_{number}") as url:
                rate = Round(url, redis_url, jobs, figures.inserted).drain(name)
            figures.drained[name].append(rate)
            print(f"  round {number + 1}: {name:<14} {rate:7.0f} jobs/s", flush=True)
    return figures


def main() -> int:
    """The program."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--jobs", type=int, default=4000, help=f"jobs a drain, a multiple of {CHUNK}")
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--backlog", type=int, default=1_000_000)
    options.add_argument("--chart", type=Path, help="draw the ratios here, as SVG")
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory() as name, servers.postgres() as postgres, embedded_redis(Path(name)) as redis_url:
        figures = measure_drains(postgres.uri, redis_url, chosen.jobs, chosen.rounds)
        latency = measure_latency(Path(name), postgres.uri, redis_url)
        small, large, redis_megabytes = claim_medians(postgres.uri, redis_url, chosen.backlog)
    ours = figures.median("inpaintd")
    rows = [
        ("drained, against Celery + status row", ours / figures.median("celery"), ">=", DRAIN_CELERY),
        ("drained, against procrastinate", ours / figures.median("procrastinate"), ">=", DRAIN_PROCRASTINATE),
        ("submit to start, idle, p50 ms", latency.p50, "<=", P50_MS),
        ("submit to start, idle, p99 ms", latency.p99, "<=", P99_MS),
        (f"claim at {chosen.backlog:,} against 1,000 queued", large / small, "<=", CLAIM_RATIO),
        ("Redis memory then, MB", redis_megabytes, "<=", REDIS_MEGABYTES),
    ]
    inserts = {name: statistics.median(rates) for name, rates in figures.inserted.items()} | latency.submitted
    print(
        f"with audit records, against Celery + status row: {figures.median('audited') / figures.median('celery'):.2f}"
    )
    for name, rate in inserts.items():
        print(f"{name:<44} {rate:8.0f} jobs/s")
    print(f"claim of one job: {small * 1000:.2f} ms at 1,000 queued, {large * 1000:.2f} ms at {chosen.backlog:,}")
    if chosen.chart:
        draw_chart(chosen.chart, {name: figures.drained[name] for name in SYSTEMS})
    return report(rows)


if __name__ == "__main__":
    sys.exit(main())
