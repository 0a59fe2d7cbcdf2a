"""What a long backlog costs: the claim of one job beside 1,000 queued ones and beside a million."""

from __future__ import annotations

import statistics
import time

import psycopg
from redis import Redis

from storage.broker import ENOUGH_RINGS, Doorbell, queue_of
from storage.database import Database, migrate
from storage.job import Job
from storage.key_store import KeyStore
from storage.lease_store import LeaseStore
from storage.submissions import Submissions
from tests import servers
from tests.jobs import new_job

SMALL, CLAIMS, WARM_UP, CHUNK = 1000, 200, 20, 500
# Copies of one accepted job, each with an id and a tag of its own, in the order of a real backlog.
_COPY = """
INSERT INTO jobs ({columns})
SELECT 'job_' || lpad(n::text, 26, '0'), fair_key + n, {rest} FROM jobs, generate_series(1, %s) AS n
"""


def claim_medians(postgres: str, redis_url: str, backlog: int) -> tuple[float, float, float]:
    """Seconds of the median claim at both backlogs, taken by turns, and megabytes that Redis then uses."""
    with (
        servers.fresh_database(postgres, "small") as small_url,
        servers.fresh_database(postgres, "large") as large_url,
        Redis.from_url(redis_url) as redis,
    ):
        redis.flushall()
        stores = [_filled(small_url, SMALL + CLAIMS), _filled(large_url, backlog)]
        _ring_for(redis_url, backlog)
        times = _alternate([LeaseStore(database) for database in stores])
        megabytes = int(redis.info("memory")["used_memory"]) / 1e6
        for database in stores:
            database.close()
    return times[0], times[1], megabytes


def _filled(url: str, count: int) -> Database:
    migrate(url)
    database = Database(url)
    tenant = KeyStore(database).create_tenant("bench")
    Submissions(database).submit(new_job(tenant))
    with psycopg.connect(url, autocommit=True) as connection:
        names = connection.execute(
            "SELECT column_name FROM information_schema.columns WHERE table_name = 'jobs' ORDER BY ordinal_position"
        )
        rest = ", ".join(f'"{row[0]}"' for row in names if row[0] not in ("id", "fair_key"))
        connection.execute(_COPY.format(columns=f"id, fair_key, {rest}", rest=rest), (count,))
        connection.execute("VACUUM (ANALYZE) jobs")
    return database


def _ring_for(redis_url: str, backlog: int) -> None:
    """As many rings as the submits would have made, as far as the doorbell lets them through."""
    with Redis.from_url(redis_url) as redis:
        for _ in range(0, min(backlog, 5 * ENOUGH_RINGS), CHUNK):
            doorbell = Doorbell(redis_url)
            for number in range(CHUNK):
                doorbell.ring("default", f"job_{number}")
            doorbell.close(60)
        print(f"{redis.llen(queue_of('default'))} rings wait in Redis")


def _alternate(stores: list[LeaseStore]) -> list[float]:
    times: list[list[float]] = [[] for _ in stores]
    for _ in range(WARM_UP + CLAIMS):
        for store, taken in zip(stores, times, strict=True):
            began = time.perf_counter()
            claimed: list[Job] = store.claim("bench", models=["default"], alone=False)
            taken.append(time.perf_counter() - began)
            if len(claimed) != 1:
                raise AssertionError("a claim found nothing although jobs wait")
    return [statistics.median(taken[WARM_UP:]) for taken in times]
