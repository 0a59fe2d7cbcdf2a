"""Which jobs a claim may take: limits of tenants, and jobs that have to run alone."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from storage.database import Database, db_now
from storage.formats import READS
from storage.lease_store import SOLO_PATIENCE_SECONDS
from storage.tenant_store import TenantLimits, TenantStore
from tests.jobs import Desk, change


@pytest.fixture
def desk(database: Database) -> Desk:
    return Desk(database)


def test_a_tenant_never_runs_more_than_it_may_and_others_go_on(desk: Desk, database: Database) -> None:
    TenantStore(database).set_limits("acme", TenantLimits(max_running=3))
    other = Desk(database, "other")
    for _ in range(12):
        desk.submit()
        other.submit()
    together = threading.Barrier(8)

    def claim_all(owner: int) -> list[str]:
        together.wait()
        taken: list[str] = []
        while jobs := desk.claim(f"w{owner}", limit=2, alone=False):
            taken += [job.tenant_id for job in jobs]
        return taken

    with ThreadPoolExecutor(8) as pool:
        claimed = [tenant for taken in pool.map(claim_all, range(8)) for tenant in taken]
    assert (claimed.count(desk.tenant_id), claimed.count(other.tenant_id)) == (3, 12)


def test_a_job_that_ends_makes_room_for_the_next(desk: Desk, database: Database) -> None:
    TenantStore(database).set_limits("acme", TenantLimits(max_running=1))
    first, second = desk.submit(), desk.submit()
    (running,) = desk.claim(limit=5)
    assert (running.id, desk.claim(limit=5)) == (first.id, [])
    desk.jobs.release(running)
    assert desk.claim_one().id == first.id
    desk.jobs.cancel(second.id, desk.tenant_id)
    assert desk.claim(limit=5) == []


def solo(desk: Desk, database: Database) -> str:
    """A job that has to run alone."""
    job = desk.submit()
    change(database, job.id, solo=True)
    return job.id


def test_a_suspect_comes_by_itself_and_only_to_who_runs_nothing(desk: Desk, database: Database) -> None:
    suspect = solo(desk, database)
    plain = [desk.submit().id for _ in range(3)]
    assert [job.id for job in desk.claim("busy", limit=1, alone=False)] == plain[:1]
    assert [job.id for job in desk.claim("idle", limit=4, alone=True)] == [suspect]
    assert [job.id for job in desk.claim("idle too", limit=4, alone=True)] == plain[1:]


def test_who_starts_with_a_plain_job_gets_no_suspect_beside_it(desk: Desk, database: Database) -> None:
    plain = desk.submit().id
    suspect = solo(desk, database)
    assert [job.id for job in desk.claim(limit=4, alone=True)] == [plain]
    assert [job.id for job in desk.claim(limit=4, alone=True)] == [suspect]


def test_a_suspect_that_waits_too_long_is_made_room_for(desk: Desk, database: Database) -> None:
    suspect, plain = solo(desk, database), desk.submit().id
    change(database, suspect, not_before=db_now(-SOLO_PATIENCE_SECONDS - 1))
    assert desk.claim("busy", limit=4, alone=False) == [], "runs empty for its sake"
    assert [job.id for job in desk.claim("idle", limit=4, alone=True)] == [suspect]
    assert [job.id for job in desk.claim("busy", limit=4, alone=False)] == [plain]


@pytest.mark.parametrize("lonely", [False, True])
def test_a_row_of_a_newer_format_holds_up_nobody(desk: Desk, database: Database, lonely: bool) -> None:
    newer, plain = desk.submit(), desk.submit()
    change(database, newer.id, format=READS + 1, solo=lonely, not_before=db_now(-60))
    assert [job.id for job in desk.claim(limit=9, alone=False)] == [plain.id]
    assert desk.claim(limit=9) == []


def test_a_row_of_an_older_version_is_read_with_todays_defaults(desk: Desk, database: Database) -> None:
    job = desk.submit()
    older = job.params.model_dump(mode="json", exclude={"color_match": True, "output": {"keep_metadata"}})
    change(database, job.id, params={**older, "of_a_version_to_come": 1, "output": {**older["output"], "new": 2}})
    assert desk.claim_one().params == job.params
