"""Claims, beats, reaping and deadlines, on SQLite and PostgreSQL alike."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

from storage.database import Database, db_now
from storage.job import JobState, Order, Priority
from storage.job_reader import JobReader
from storage.job_store import MAX_SOLO_CRASHES
from tests.jobs import Desk, change


@pytest.fixture
def desk(database: Database) -> Desk:
    return Desk(database)


def test_many_claimers_never_get_the_same_job(desk: Desk) -> None:
    submitted = {desk.submit().id for _ in range(40)}

    def claim_all(owner: int) -> list[str]:
        taken: list[str] = []
        while jobs := desk.claim(f"w{owner}", limit=3):
            taken += [job.id for job in jobs]
        return taken

    with ThreadPoolExecutor(8) as pool:
        claimed = Counter(job_id for taken in pool.map(claim_all, range(8)) for job_id in taken)
    assert set(claimed) == submitted
    assert set(claimed.values()) == {1}


def test_a_claim_takes_no_more_than_its_limit_and_only_its_models(desk: Desk) -> None:
    for _ in range(5):
        desk.submit()
    assert len(desk.claim(limit=2)) == 2
    assert desk.leases.claim("w", models=["another"], limit=5) == []
    assert len(desk.claim(limit=10)) == 3


def test_a_flood_does_not_hold_up_another_tenant(database: Database, desk: Desk) -> None:
    for _ in range(20):
        desk.submit()
    quiet = Desk(database, "quiet").submit()
    order = [job.id for job in desk.claim(limit=21)]
    assert order.index(quiet.id) <= 1, "the quiet tenant's first job is level with the flood's first"


def test_priorities_are_shares_and_starve_nobody(desk: Desk) -> None:
    bulk = [desk.submit(priority=Priority.BULK).id for _ in range(2)]
    for _ in range(30):
        desk.submit(priority=Priority.INTERACTIVE)
    order = [job.id for job in desk.claim(limit=32)]
    assert order.index(bulk[0]) < 32 - 1
    assert desk.claim() == []


def test_a_beat_renews_stores_progress_and_brings_orders(desk: Desk, database: Database) -> None:
    going, canceled, late = desk.submit(), desk.submit(), desk.submit(deadline_seconds=3600)
    running = {job.id: job for job in desk.claim(limit=3, lease_seconds=-1)}
    desk.jobs.cancel(canceled.id, desk.tenant_id)
    change(database, late.id, deadline_at=db_now(-1))
    orders = desk.leases.beat("w1", {(job.id, job.attempt): 4 for job in running.values()})
    assert orders == {(going.id, 1): Order.GO_ON, (canceled.id, 1): Order.CANCEL, (late.id, 1): Order.EXPIRE}
    assert desk.leases.reap() == [], "the beat renewed every lease"
    assert JobReader(database).get(going.id, desk.tenant_id).step == 4


def test_a_beat_of_somebody_else_or_an_earlier_attempt_gets_no_answer(desk: Desk) -> None:
    job = desk.submit()
    desk.claim("w1", lease_seconds=-1)
    assert desk.leases.beat("w2", {(job.id, 1): 1}) == {}
    desk.leases.reap()
    desk.claim("w1")
    assert desk.leases.beat("w1", {(job.id, 1): 1}) == {}


def test_reaping_gives_back_ended_leases_only(desk: Desk, database: Database) -> None:
    lost = desk.submit()
    desk.claim("dead", lease_seconds=-1)
    kept = desk.submit()
    desk.claim("alive")
    assert desk.leases.reap() == [lost.id]
    assert desk.leases.reap() == []
    reader = JobReader(database)
    assert reader.get(lost.id, desk.tenant_id).crash_count == 1
    assert reader.get(kept.id, desk.tenant_id).state is JobState.RUNNING


def test_a_job_that_kills_its_worker_every_time_fails_in_the_end(desk: Desk, database: Database) -> None:
    job = desk.submit()
    for _ in range(MAX_SOLO_CRASHES + 1):
        desk.claim("dead", lease_seconds=-1)
        desk.leases.reap()
    ended = JobReader(database).get(job.id, desk.tenant_id)
    assert ended.state is JobState.FAILED
    assert ended.error is not None
    assert ended.error.code == "worker_lost"


def test_a_canceled_job_whose_worker_died_is_canceled_not_run_again(desk: Desk, database: Database) -> None:
    job = desk.submit()
    desk.claim("dead", lease_seconds=-1)
    desk.jobs.cancel(job.id, desk.tenant_id)
    desk.leases.reap()
    assert JobReader(database).get(job.id, desk.tenant_id).state is JobState.CANCELED


def test_deadlines_end_waiting_jobs_and_claims_pass_them_by(desk: Desk, database: Database) -> None:
    late, held = desk.submit(deadline_seconds=-1), desk.submit(state=JobState.HELD, deadline_seconds=-1)
    desk.submit(deadline_seconds=3600)
    assert len(desk.claim(limit=5)) == 1
    assert sorted(desk.leases.expire()) == sorted([late.id, held.id])
    assert JobReader(database).get(late.id, desk.tenant_id).state is JobState.EXPIRED
