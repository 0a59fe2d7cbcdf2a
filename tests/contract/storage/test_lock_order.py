"""Whoever changes several jobs locks them in the order of their ids, so that no two ever wait for each other.

On PostgreSQL alone: SQLite has one writer at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from storage.database import Database, db_now
from storage.job import Job, JobState
from storage.moves import Move, Mover
from tests.jobs import Desk, change

LOCK = "SELECT id FROM jobs WHERE id = %s FOR UPDATE NOWAIT"
WAITING = "SELECT count(*) FROM pg_locks WHERE NOT granted"


@pytest.fixture
def postgres(postgres_url: str) -> Iterator[Database]:
    opened = Database(postgres_url)
    yield opened
    opened.close()


def beat(_database: Database, desk: Desk, jobs: list[Job]) -> None:
    desk.leases.beat("w1", {(job.id, job.attempt): 1 for job in jobs})


def give_up(_database: Database, desk: Desk, _jobs: list[Job]) -> None:
    desk.leases.give_up("w1")


def reap(database: Database, desk: Desk, jobs: list[Job]) -> None:
    desk.leases.reap()


def cancel_batch(_database: Database, desk: Desk, _jobs: list[Job]) -> None:
    desk.jobs.cancel_batch("label", desk.tenant_id)


def finish(database: Database, _desk: Desk, jobs: list[Job]) -> None:
    early, late = jobs  # `canceled` is written before `queued`, unless ids come first
    moves = [Move.make(early, JobState.QUEUED, {"step": 0}), Move.make(late, JobState.CANCELED, {"receipt": {}})]
    Mover(database)._make(moves)


@pytest.mark.parametrize("act", [beat, give_up, reap, cancel_batch, finish])
def test_who_waits_for_a_job_holds_none_with_a_larger_id(
    postgres: Database, postgres_url: str, act: Callable[[Database, Desk, list[Job]], None]
) -> None:
    desk = Desk(postgres)
    for _ in range(2):
        desk.submit(batch="label")
    early, late = sorted(desk.claim("w1", limit=2), key=lambda job: job.id)
    if act is reap:
        change(postgres, late.id, lease_expires_at=db_now(-1))
    # Written last, the early job's row lies behind the other's, where a scan would meet it second.
    change(postgres, early.id, lease_expires_at=db_now(-1))
    with psycopg.connect(postgres_url) as other, ThreadPoolExecutor(1) as pool:
        other.execute(LOCK, (early.id,))
        acting = pool.submit(act, postgres, desk, [early, late])
        while not acting.done() and other.execute(WAITING).fetchone() == (0,):
            pass
        assert not acting.done(), "it was to wait for the early job"
        other.execute(LOCK, (late.id,))  # raises where the waiting one holds it
        other.rollback()
        acting.result(10)
