"""The state machine, on SQLite and PostgreSQL alike."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from storage.database import Database
from storage.errors import JobNotFound
from storage.job import HeldAt, Job, JobError, JobState
from storage.job_reader import JobReader
from tests.jobs import VERDICT, Desk, result


@pytest.fixture
def desk(database: Database) -> Desk:
    return Desk(database)


@pytest.fixture
def reader(database: Database) -> JobReader:
    return JobReader(database)


def happened(reader: JobReader, job: Job) -> list[str]:
    return [event.type for event in reader.events(job.id, job.tenant_id)]


def test_a_job_walks_from_submit_to_success(desk: Desk, reader: JobReader) -> None:
    job = desk.submit(metadata={"order": 5})
    assert (job.state, job.attempt, job.metadata) == (JobState.QUEUED, 0, {"order": 5})
    running = desk.claim_one()
    assert (running.id, running.state, running.attempt) == (job.id, JobState.RUNNING, 1)
    assert desk.jobs.succeed(running, result(running))
    done = reader.get(job.id, desk.tenant_id)
    assert done.state is JobState.SUCCEEDED
    assert done.images == result(running).images
    assert done.step == done.steps == 30
    assert done.model["sha256"] == "f" * 64
    assert done.created_at <= done.started_at <= done.finished_at  # type: ignore[operator]
    assert happened(reader, job) == ["job.queued", "job.started", "job.succeeded"]


@pytest.mark.parametrize(
    ("move", "state"),
    [
        (lambda d, j: d.jobs.succeed(j, result(j)), JobState.SUCCEEDED),
        (lambda d, j: d.jobs.hold_result(j, result(j)), JobState.HELD),
        (lambda d, j: d.jobs.hold_request(j, safety=VERDICT), JobState.HELD),
        (lambda d, j: d.jobs.block(j, result(j)), JobState.BLOCKED),
        (lambda d, j: d.jobs.fail(j, JobError("internal", "It broke.")), JobState.FAILED),
        (lambda d, j: d.jobs.retry(j, JobError("internal", "It broke."), delay_seconds=0), JobState.QUEUED),
        (lambda d, j: d.jobs.release(j), JobState.QUEUED),
        (lambda d, j: d.jobs.finish_cancel(j, receipt={}), JobState.CANCELED),
        (lambda d, j: d.jobs.finish_expired(j, receipt={}), JobState.EXPIRED),
    ],
)
def test_a_worker_moves_only_the_attempt_that_it_holds(desk: Desk, reader: JobReader, move, state) -> None:
    job = desk.submit()
    stale = desk.claim_one("old", lease_seconds=-1)
    assert desk.leases.reap() == [job.id]
    fresh = desk.claim_one("new")
    events = len(happened(reader, job))
    assert not move(desk, stale), "a worker whose lease was given away must not move the job"
    assert reader.get(job.id, desk.tenant_id).attempt == fresh.attempt == 2
    assert len(happened(reader, job)) == events
    assert move(desk, fresh)
    assert reader.get(job.id, desk.tenant_id).state is state
    assert not move(desk, fresh), "the same move twice is one move"
    assert len(happened(reader, job)) == events + 1


@pytest.mark.parametrize("column", ["state", "attempt", "images", "error", "finished_at", "tenant_id"])
def test_the_database_itself_freezes_ended_jobs(desk: Desk, database: Database, database_url: str, column: str) -> None:
    job = desk.submit()
    desk.jobs.cancel(job.id, desk.tenant_id)
    fresh = {"state": "'queued'", "attempt": "9", "images": "'[1]'", "error": "'{}'", "finished_at": "NULL"}
    value = fresh.get(column, "'somebody'")
    cast = "::jsonb" if column in ("images", "error") and database_url.startswith("postgresql") else ""
    with pytest.raises(sa.exc.DBAPIError, match="terminal job cannot change"), database.transaction() as connection:
        connection.execute(sa.text(f"UPDATE jobs SET {column} = {value}{cast} WHERE id = :id"), {"id": job.id})


def test_a_blocked_request_is_kept_for_audit_and_never_runs(desk: Desk, reader: JobReader) -> None:
    job = desk.submit(state=JobState.BLOCKED)
    assert job.is_terminal
    assert job.finished_at is not None
    assert desk.claim() == []
    assert happened(reader, job) == ["job.blocked"]


def test_a_held_request_waits_for_a_person(desk: Desk) -> None:
    job = desk.submit(state=JobState.HELD, held_at=HeldAt.REQUEST)
    assert (job.state, job.held_at) == (JobState.HELD, HeldAt.REQUEST)
    assert desk.claim() == []


@pytest.mark.parametrize("state", [JobState.QUEUED, JobState.HELD])
def test_canceling_a_waiting_job_ends_it_at_once(desk: Desk, reader: JobReader, state: JobState) -> None:
    job = desk.submit(state=state)
    assert desk.jobs.cancel(job.id, desk.tenant_id).state is JobState.CANCELED
    assert desk.jobs.cancel(job.id, desk.tenant_id).state is JobState.CANCELED
    assert desk.claim() == []
    assert happened(reader, job).count("job.canceled") == 1


def test_canceling_a_running_job_asks_its_worker(desk: Desk, reader: JobReader) -> None:
    job = desk.submit()
    running = desk.claim_one()
    asked = desk.jobs.cancel(job.id, desk.tenant_id)
    assert (asked.state, asked.cancel_requested) == (JobState.RUNNING, True)
    desk.jobs.cancel(job.id, desk.tenant_id)
    assert happened(reader, job).count("job.cancel_requested") == 1
    assert desk.jobs.finish_cancel(running, receipt={"actual_steps": 3})
    assert reader.get(job.id, desk.tenant_id).receipt == {"actual_steps": 3}


def test_another_tenant_sees_and_cancels_nothing(database: Database, desk: Desk, reader: JobReader) -> None:
    job, other = desk.submit(), Desk(database, "other")
    with pytest.raises(JobNotFound):
        reader.get(job.id, other.tenant_id)
    with pytest.raises(JobNotFound):
        desk.jobs.cancel(job.id, other.tenant_id)
    assert reader.events(job.id, other.tenant_id) == []
    assert reader.get(job.id, desk.tenant_id).state is JobState.QUEUED


def test_a_retried_job_waits_before_it_is_due_again(desk: Desk, reader: JobReader) -> None:
    job = desk.submit()
    running = desk.claim_one()
    assert desk.jobs.retry(running, JobError("internal", "It broke."), delay_seconds=3600)
    assert reader.get(job.id, desk.tenant_id).error_count == 1
    assert desk.claim() == []
