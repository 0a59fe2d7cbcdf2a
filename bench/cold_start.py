"""How long the programs take from nothing until they are of use.

    python -m bench.cold_start

An API process, from exec to the first 200 of /readyz, and `inpaintd worker` with the pocket model, from exec to the
moment when it claims a job that waits; each five times in a folder of its own, on SQLite, Redis and local objects, as
`inpaintd up` runs them. Exits 1 when the median of one is over its limit.
"""

from __future__ import annotations

import contextlib
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import httpx

from bench.embedded_redis import embedded_redis
from bench.targets import report
from storage.database import Database, migrate
from storage.job import JobState
from storage.job_reader import JobReader
from tests import servers
from tests.jobs import Desk
from tests.service import program, settings

RUNS, LOOK_SECONDS, MOST_SECONDS = 5, 0.02, 60.0
API_LIMIT, WORKER_LIMIT = 2.0, 8.0


def timed(name: str, arguments: list[str], env: dict[str, str], folder: Path, of_use: Callable[[], bool]) -> float:
    """Seconds until `of_use()` of a program that is started now, and ended then. Raises TimeoutError."""
    began = time.perf_counter()
    with program(name, arguments, env, folder):
        while not of_use():
            if time.perf_counter() - began > MOST_SECONDS:
                raise TimeoutError(f"{name} is not of use after {MOST_SECONDS:.0f} s; see its log in {folder}")
            time.sleep(LOOK_SECONDS)
        return time.perf_counter() - began


def start_of_api(env: dict[str, str], folder: Path) -> float:
    """Seconds until the API can take jobs."""
    port = servers.free_port()
    env = {**env, "INPAINTD_HOST": "127.0.0.1", "INPAINTD_PORT": str(port)}
    with httpx.Client(base_url=f"http://127.0.0.1:{port}") as http:

        def is_ready() -> bool:
            with contextlib.suppress(httpx.TransportError):
                return http.get("/readyz").is_success
            return False

        return timed("api", ["producer.cli", "api"], env, folder, is_ready)


def start_of_worker(env: dict[str, str], folder: Path) -> float:
    """Seconds until a worker claims a job that waited for it."""
    database = Database(env["INPAINTD_DATABASE_URL"])
    desk, reader = Desk(database), JobReader(database)
    job = desk.submit()

    def claims() -> bool:
        return reader.get(job.id, desk.tenant_id).state is not JobState.QUEUED

    try:
        return timed("worker", ["producer.cli", "worker"], env, folder, claims)
    finally:
        database.close()


def measure(folder: Path, redis_url: str) -> tuple[float, float]:
    """Both, one after the other, in an empty folder."""
    database_url = f"sqlite:///{folder / 'inpaintd.db'}"
    migrate(database_url)
    env = settings(folder, database_url=database_url, redis_url=redis_url, s3=None)
    return start_of_api(env, folder), start_of_worker(env, folder)


def main() -> int:
    """The program."""
    rows = []
    with tempfile.TemporaryDirectory() as whole, embedded_redis(Path(whole)) as redis_url:
        for run in range(RUNS):
            folder = Path(whole) / str(run)
            folder.mkdir()
            rows.append(measure(folder, redis_url))
            print("run {}: the API answers after {:.2f} s, a worker claims after {:.2f} s".format(run + 1, *rows[-1]))
    api, worker = (statistics.median(row[column] for row in rows) for column in (0, 1))
    return report([("API, s", api, "<=", API_LIMIT), ("worker with the pocket model, s", worker, "<=", WORKER_LIMIT)])


if __name__ == "__main__":
    sys.exit(main())
