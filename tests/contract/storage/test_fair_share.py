"""The fair share on the real databases: what is claimed, and in which order."""

from __future__ import annotations

from collections import Counter

import pytest

from storage.database import Database
from storage.intake import Submitted
from storage.job import Priority
from storage.tenant_store import TenantLimits, TenantStore
from tests.fair_share import worst_wait
from tests.jobs import Desk, new_job


@pytest.fixture
def desk(database: Database) -> Desk:
    return Desk(database, "flood")


def flood(desk: Desk, jobs: int, priority: Priority = Priority.STANDARD) -> None:
    """Many jobs of one tenant, in bulk."""
    for _ in range(jobs // 500):
        answers = desk.submissions.submit_many([new_job(desk.tenant_id, priority=priority) for _ in range(500)])
        assert all(isinstance(answer, Submitted) for answer in answers)


def work_before(desk: Desk, job_id: str) -> float:
    """The work that is claimed before this job, in UNet rows."""
    work = 0.0
    while (job := desk.claim_one()).id != job_id:
        work += job.params.unet_rows
    return work


def test_another_tenants_job_starts_within_its_bound_while_one_floods(desk: Desk, database: Database) -> None:
    flood(desk, 2000)
    desk.claim(limit=40)
    job = Desk(database, "quiet").submit()
    cost = float(job.params.unet_rows)
    assert work_before(desk, job.id) <= worst_wait(cost, 4, [(4, cost)])


def test_what_a_tenant_waits_for_does_not_wait_behind_its_own_bulk(desk: Desk) -> None:
    flood(desk, 1000, Priority.BULK)
    desk.claim(limit=10)
    job = desk.submit(priority=Priority.INTERACTIVE)
    cost = float(job.params.unet_rows)
    assert work_before(desk, job.id) <= worst_wait(cost, 8, [(1, cost)])


def test_weights_are_shares_of_what_is_claimed(desk: Desk, database: Database) -> None:
    TenantStore(database).set_limits("flood", TenantLimits(weight=3))
    other = Desk(database, "other")
    flood(desk, 500)
    flood(other, 500)
    claimed = Counter(job.tenant_id for job in desk.claim(limit=400))
    assert abs(claimed[desk.tenant_id] - 300) <= 2
    assert claimed.total() == 400


def test_a_tenant_that_was_away_does_not_claim_what_it_did_not_use(desk: Desk, database: Database) -> None:
    other = Desk(database, "other")
    other.submit()
    flood(desk, 500)
    desk.claim(limit=200)
    late = {other.submit().id for _ in range(50)}
    claimed = [job.id in late for job in desk.claim(limit=40)]
    assert abs(sum(claimed) - 20) <= 2, "half of what is claimed from now on, not all of it"
