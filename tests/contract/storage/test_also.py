"""Rows that go with a move or a submit stand or fall with it."""

from __future__ import annotations

from collections import Counter

import pytest
import sqlalchemy as sa

from storage.also import Row
from storage.audit import Decision, PolicyId, Stage
from storage.audit_rows import audit_row
from storage.audit_tables import audit_records
from storage.database import Database
from storage.errors import QueueFull
from storage.ids import new_id
from storage.job import Job, JobState
from storage.tenant_store import TenantLimits, TenantStore
from tests.jobs import VERDICT, Desk, result

POLICY = PolicyId("test", "1.0.0", "0" * 64)


@pytest.fixture
def desk(database: Database) -> Desk:
    return Desk(database)


def row(job_id: str, stage: Stage = Stage.RESULT) -> Row:
    return audit_row(job_id, Decision.of_verdict(stage, POLICY, VERDICT))


def recorded(database: Database) -> Counter[str]:
    with database.reading() as connection:
        return Counter(connection.scalars(sa.select(audit_records.c.subject)))


def submit(desk: Desk, **changes: object) -> Job:
    job_id = new_id("job")
    return desk.submit(id=job_id, also=(row(job_id, Stage.PROMPT),), **changes)


@pytest.mark.parametrize(
    "move",
    [
        lambda d, j: d.jobs.succeed(j, result(j), [row(j.id)]),
        lambda d, j: d.jobs.hold_result(j, result(j), [row(j.id)]),
        lambda d, j: d.jobs.hold_request(j, safety=VERDICT, also=[row(j.id)]),
        lambda d, j: d.jobs.block(j, result(j), [row(j.id)]),
    ],
)
def test_a_move_writes_its_rows_and_a_move_that_comes_too_late_writes_none(
    desk: Desk, database: Database, move
) -> None:
    job = submit(desk)
    stale = desk.claim_one("old", lease_seconds=-1)
    desk.leases.reap()
    fresh = desk.claim_one("new")
    assert not move(desk, stale)
    assert recorded(database)[job.id] == 1, "only the record of its submit"
    assert move(desk, fresh)
    assert not move(desk, fresh)
    assert recorded(database)[job.id] == 2


def test_a_row_that_cannot_be_written_keeps_its_move_from_happening(desk: Desk, database: Database) -> None:
    job = submit(desk)
    running, twice = desk.claim_one(), row(job.id)
    with pytest.raises(sa.exc.IntegrityError):
        desk.jobs.succeed(running, result(running), [twice, twice])
    assert recorded(database)[job.id] == 1
    assert desk.jobs.succeed(running, result(running), [twice]), "the job was left as it was"


def test_a_copy_of_a_request_and_a_refused_one_write_no_rows(desk: Desk, database: Database) -> None:
    first = submit(desk, idempotency_key="k", fingerprint="f")
    assert submit(desk, idempotency_key="k", fingerprint="f").id == first.id
    TenantStore(database).set_limits("acme", TenantLimits(max_queued=1))
    with pytest.raises(QueueFull):
        submit(desk)
    assert recorded(database) == {first.id: 1}
    assert submit(desk, state=JobState.BLOCKED).state is JobState.BLOCKED, "a blocked one takes no place in the queue"
    assert recorded(database).total() == 2
