"""How long an accepted job waits on an idle system, and how many jobs an API process accepts."""

from __future__ import annotations

import statistics
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import httpx
import psycopg

from storage.broker import queue_of
from storage.database import migrate
from tests import servers
from tests.chaos.stream import pictures
from tests.service import Service, program, service, settings

WARM_UP, JOBS, PAUSE_SECONDS = 5, 200, 0.1
SUBMITS, CALLERS = 300, 8


@dataclass(frozen=True, slots=True)
class Latency:
    """Milliseconds from a job's INSERT to its claim, and jobs a second that were accepted over HTTP."""

    p50: float
    p99: float
    submitted: dict[str, float]


def measure_latency(folder: Path, postgres: str, redis_url: str) -> Latency:
    """API and one worker on a fresh database: first one job at a time, then as many as the API takes."""
    with servers.fresh_database(postgres, "latency") as url:
        migrate(url)
        env = settings(folder, database_url=url, redis_url=redis_url, s3=None)
        with service(folder, env, workers=False) as running:
            submitted = {
                "inpaintd, one by one over HTTP, durable": _submits(running, 1),
                f"inpaintd, {CALLERS} callers over HTTP, durable": _submits(running, CALLERS),
            }
            with psycopg.connect(url, autocommit=True) as connection:
                connection.execute("UPDATE jobs SET state = 'canceled', finished_at = now()")
            with program("worker", _worker(), running.env, folder):
                waits = _waits(running, url)
    centiles = statistics.quantiles(waits, n=100)
    return Latency(centiles[49], centiles[98], submitted)


def _worker() -> list[str]:
    command = ["tests.null_worker", "--step-seconds", "0.001", "--quiet", "worker", "--pool", "threads"]
    command += ["--concurrency", "8", "--queues", queue_of("default"), "--without-gossip", "--without-mingle"]
    return command


def _body() -> dict[str, object]:
    image, mask = pictures()
    return {"image": image, "mask": mask, "prompt": "a red circle", "steps": 2}


def _submits(running: Service, callers: int) -> float:
    body = _body()

    def send(http: httpx.Client) -> None:
        http.post("/v1/jobs", json=body).raise_for_status()

    with running.http as http, ThreadPoolExecutor(callers) as pool:
        send(http)
        began = time.perf_counter()
        list(pool.map(send, [http] * SUBMITS))
        return SUBMITS / (time.perf_counter() - began)


def _waits(running: Service, url: str) -> list[float]:
    """Milliseconds, by the database's clock, so that no HTTP is in them."""
    body, ids = _body(), []
    with running.http as http:
        for _ in range(WARM_UP + JOBS):
            job = http.post("/v1/jobs", json=body, params={"wait": 30}).raise_for_status().json()
            ids.append(job["id"])
            time.sleep(PAUSE_SECONDS)  # the system is to be idle again
    query = "SELECT extract(epoch FROM started_at - created_at) * 1000 FROM jobs WHERE id = ANY(%s)"
    with psycopg.connect(url) as connection:
        return [float(row[0]) for row in connection.execute(query, (ids[WARM_UP:],))]
