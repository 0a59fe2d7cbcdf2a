"""Jobs whose model was taken off the list of models."""

from __future__ import annotations

from producer.keeper.unserved import failing_unserved
from storage.database import Database, db_now
from storage.job import Job, JobState
from storage.job_reader import JobReader
from storage.unserved import PATIENCE_SECONDS
from tests.jobs import Desk, change


def waiting(database: Database, desk: Desk, alias: str, seconds: float) -> Job:
    job = desk.submit()
    change(database, job.id, model_alias=alias, not_before=db_now(-seconds))
    return job


def test_a_job_whose_model_is_gone_fails_with_a_sentence_instead_of_waiting_for_ever(
    database: Database, desk: Desk
) -> None:
    long = PATIENCE_SECONDS + 60
    gone, here = waiting(database, desk, "gone", long), waiting(database, desk, "default", long)
    # A list that changes reaches the programs one after the other.
    news = waiting(database, desk, "gone", PATIENCE_SECONDS - 60)
    duty = failing_unserved(database, ["default", "photo"])
    assert (duty.do(), duty.do()) == (1, 0)
    reader = JobReader(database)
    failed = reader.get(gone.id, desk.tenant_id)
    assert failed.state is JobState.FAILED
    assert failed.finished_at is not None
    assert failed.error is not None
    assert (failed.error.code, failed.error.retryable) == ("model_gone", False)
    assert "GET /v1/models" in failed.error.message
    assert [event.type for event in reader.events(gone.id, desk.tenant_id)] == ["job.queued", "job.failed"]
    assert {reader.get(job.id, desk.tenant_id).state for job in (here, news)} == {JobState.QUEUED}


def test_a_job_that_runs_is_left_to_its_worker(database: Database, desk: Desk) -> None:
    running = waiting(database, desk, "gone", PATIENCE_SECONDS + 60)
    change(database, running.id, state="running")
    assert failing_unserved(database, ["default"]).do() == 0
