"""Worker processes that the queue benchmark drains: ours and two peers, each doing nothing but its bookkeeping.

python -m bench.queue_systems inpaintd|audited|procrastinate DATABASE_URL REDIS_URL CONCURRENCY
celery -A bench.celery_system worker ...   (Celery wants a module of its own)
"""

from __future__ import annotations

import asyncio
import sys

import procrastinate

from bench.queue_records import result_record
from storage.broker import make_app, queue_of
from storage.database import Database
from storage.job import Job, JobResult, ResultImage
from storage.job_store import JobStore
from storage.lease_store import LeaseStore
from worker.heartbeat import Heartbeat
from worker.slots import Slots
from worker.stop import StopReason
from worker.tasks import register

SAFETY = {"action": "allow", "policy": "bench@1", "findings": [], "signals": []}
RECEIPT = {"actual_steps": 30, "crop_box": [0, 0, 512, 512], "untouched": {"checked": True, "pixels": 240000}}
MODEL = {"alias": "default", "name": "null", "sha256": "f" * 64}


class NullRun:
    """A job whose engine takes no time: lease, progress and finish are the product's own."""

    def __init__(self, job: Job, jobs: JobStore, heartbeat: Heartbeat, *, audited: bool) -> None:
        self._audited = audited
        self._job = job
        self._jobs = jobs
        self._heartbeat = heartbeat

    def run(self) -> None:
        """Finishes the job."""
        self._heartbeat.watch(self._job, lambda _order: None)
        key = f"results/{self._job.id}/{self._job.attempt}-0"
        image = ResultImage(0, key, "0" * 64, 512, 512, "image/png", 7, "abc")
        records = [result_record(self._job.id)] if self._audited else []
        self._jobs.succeed(self._job, JobResult((image,), RECEIPT, SAFETY, MODEL), records)
        self._heartbeat.forget(self._job)

    def stop(self, reason: StopReason) -> None:
        """There is nothing to stop."""

    def seconds_left(self) -> float | None:
        """None: it is as good as done."""
        return None

    def let_go(self) -> None:
        """There is nothing to let go."""


def run_inpaintd(database_url: str, redis_url: str, concurrency: int, *, audited: bool) -> None:
    """The product's worker process, rung by Celery: claims, leases, beats and group commits are its own."""
    database, app = Database(database_url), make_app(redis_url)
    jobs, leases = JobStore(database), LeaseStore(database)
    heartbeat = Heartbeat(leases, "bench")
    slots = Slots(
        lambda limit, alone: leases.claim("bench", models=["default"], limit=limit, alone=alone),
        lambda job: NullRun(job, jobs, heartbeat, audited=audited),
        lambda: True,
        concurrency,
    )
    register(app, slots.answer)
    app.set_default()
    heartbeat.start()
    slots.start()
    arguments = ["--quiet", "worker", "--pool", "threads", "--concurrency", str(concurrency)]
    app.worker_main([*arguments, "--queues", queue_of("default"), "--without-gossip", "--without-mingle"])


def procrastinate_app(connector: procrastinate.BaseConnector) -> procrastinate.App:
    """Procrastinate with one task that does nothing."""
    app = procrastinate.App(connector=connector)

    @app.task(name="paint", queue="paint")
    async def paint(job_id: str) -> None:
        """Nothing."""

    return app


async def run_procrastinate(database_url: str, concurrency: int) -> None:
    """One asynchronous worker process."""
    app = procrastinate_app(procrastinate.PsycopgConnector(conninfo=database_url))
    async with app.open_async():
        await app.run_worker_async(queues=["paint"], concurrency=concurrency, delete_jobs="never")


if __name__ == "__main__":
    name, url, redis_url, count = sys.argv[1:5]
    if name in ("inpaintd", "audited"):
        run_inpaintd(url, redis_url, int(count), audited=name == "audited")
    else:
        asyncio.run(run_procrastinate(url, int(count)))
