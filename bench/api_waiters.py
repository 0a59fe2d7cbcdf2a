"""Callers that wait for jobs of one API process, half by long polls and half by event streams, while jobs end.

    python -m bench.api_waiters PORT KEY < ids.json

The process of the waiters: it prints a line once all of them wait, and at the end when each job's waiter was told.
Clocks are CLOCK_MONOTONIC, which processes of one machine share.
"""

from __future__ import annotations

import asyncio
import json
import random
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass

from bench.api_stage import Stage
from bench.http_load import request
from storage.database import Database
from storage.job import Job
from storage.publisher import Publisher
from tests.jobs import Desk, result

PACE_SECONDS = 1 / 200
SETTLE_SECONDS = 2.0
PATIENCE_SECONDS = 50.0


@dataclass(frozen=True, slots=True)
class Waited:
    """`wakes`: milliseconds from a job's end to its waiter's knowing, ascending; the rest while all were waiting."""

    wakes: list[float]
    megabytes: float
    threads: int
    idle_threads: int

    def percentile(self, share: float) -> float:
        """Of the wakes."""
        return self.wakes[int(share * (len(self.wakes) - 1))]


def standing_jobs(stage: Stage, count: int) -> list[str]:
    """Ids of `count` jobs: a third of them waits, a third runs, a third has succeeded, in no order."""
    database = Database(stage.database_url)
    desk = Desk(database, "bench")
    ids = [desk.submit().id for _ in range(count)]
    claimed = desk.claim(limit=2 * count // 3)
    for job in claimed[: count // 3]:
        assert desk.jobs.succeed(job, result(job))
    database.close()
    random.Random(1).shuffle(ids)
    return ids


def wait_for_jobs(stage: Stage, count: int) -> Waited:
    """`count` waiters, each for a job of its own; then all jobs end, PACE_SECONDS apart."""
    publisher = Publisher(stage.redis_url)
    database, idle_threads = Database(stage.database_url, publisher.moved), stage.status("Threads")
    desk = Desk(database, "bench")
    for _ in range(count):
        desk.submit()
    jobs = desk.claim(limit=count)
    command = [sys.executable, "-m", "bench.api_waiters", str(stage.port), stage.key]
    waiters = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert waiters.stdin is not None
    assert waiters.stdout is not None
    try:
        waiters.stdin.write(json.dumps([job.id for job in jobs]))
        waiters.stdin.close()
        waiters.stdout.readline()
        time.sleep(SETTLE_SECONDS)  # what is measured is waiting, not its beginning
        watching = _Watching(stage)
        ended = _end(desk, jobs)
        told: dict[str, float] = json.loads(waiters.stdout.readline())
        watching.stop()
    finally:
        waiters.kill()
        waiters.wait()
        publisher.close()
        database.close()
    wakes = sorted(1000 * max(0.0, told.get(job_id, float("inf")) - at) for job_id, at in ended.items())
    return Waited(wakes, watching.kilobytes / 1000, watching.threads, idle_threads)


def _end(desk: Desk, jobs: Sequence[Job]) -> dict[str, float]:
    """Ends the jobs as workers do, and says when each commit had returned."""
    ended: dict[str, float] = {}
    for job in jobs:
        began = time.monotonic()
        assert desk.jobs.succeed(job, result(job))
        ended[job.id] = time.monotonic()
        time.sleep(max(0.0, PACE_SECONDS - (ended[job.id] - began)))
    return ended


class _Watching:
    """The most memory and threads that the API's process has, looked at again and again."""

    def __init__(self, stage: Stage) -> None:
        self.kilobytes = self.threads = 0
        self._stage = stage
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def stop(self) -> None:
        """Ends the looking."""
        self._stopping.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stopping.wait(0.2):
            self.kilobytes = max(self.kilobytes, self._stage.status("VmRSS"))
            self.threads = max(self.threads, self._stage.status("Threads"))


async def _wait(port: int, key: str, job_ids: list[str]) -> dict[str, float]:
    told: dict[str, float] = {}
    starting = asyncio.Semaphore(50)
    waiting = asyncio.Barrier(len(job_ids) + 1)
    tasks = [
        asyncio.create_task(_wait_for_one(port, key, job_id, number % 2 == 0, told, starting, waiting))
        for number, job_id in enumerate(job_ids)
    ]
    await waiting.wait()
    print("all wait", flush=True)
    await asyncio.wait(tasks, timeout=PATIENCE_SECONDS)
    return told


async def _wait_for_one(
    port: int,
    key: str,
    job_id: str,
    polls: bool,
    told: dict[str, float],
    starting: asyncio.Semaphore,
    waiting: asyncio.Barrier,
) -> None:
    headers = {"Authorization": f"Bearer {key}"}
    path = f"/v1/jobs/{job_id}?wait=60" if polls else f"/v1/jobs/{job_id}/events"
    async with starting:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(request("GET", path, headers).encode())
        if not polls:
            await reader.readuntil(b"job.started")
    await waiting.wait()
    await reader.readuntil(b'"succeeded"' if polls else b"job.succeeded")
    told[job_id] = time.monotonic()
    writer.close()


if __name__ == "__main__":
    print(json.dumps(asyncio.run(_wait(int(sys.argv[1]), sys.argv[2], json.load(sys.stdin)))), flush=True)
