"""What the keeper tells Prometheus of the queues, as either database counts it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from producer.keeper.fleet_metrics import FleetCollector
from storage import queue_reader
from storage.database import Database, db_now
from storage.job import JobError, JobState
from storage.queue_reader import EndedJobs, ModelQueue, QueueReader
from storage.upkeep_reader import UpkeepReader
from tests.jobs import Desk, change, result


@pytest.fixture
def desk(database: Database) -> Desk:
    return Desk(database)


def told(collector: FleetCollector) -> dict[tuple[str, tuple[str, ...]], float]:
    """Every sample by its name and the values of its labels."""
    samples = [sample for metric in collector.collect() for sample in metric.samples]
    return {(sample.name, tuple(sample.labels.values())): sample.value for sample in samples}


def test_models_without_jobs_have_figures_too(database: Database) -> None:
    assert QueueReader(database).queues(["xl"]) == [ModelQueue("xl")]


def test_a_queue_is_counted_and_its_backlog_told_by_the_pace_of_the_last_hour(database: Database, desk: Desk) -> None:
    # One after the other, ten seconds each: ten seconds a job.
    for began in (-100.0, -90.0):
        ended = {"started_at": db_now(began), "finished_at": db_now(began + 10)}
        change(database, desk.submit().id, state="succeeded", **ended)
    waiting = [desk.submit() for _ in range(4)]
    desk.claim_one()
    change(database, waiting[3].id, created_at=db_now(-77))
    change(database, waiting[2].id, state="held", held_at="request")
    (queue,) = QueueReader(database).queues(["default"])
    assert (queue.queued, queue.running, queue.held) == (2, 1, 1)
    assert queue.backlog_seconds == pytest.approx(20, rel=0.01)
    assert queue.oldest_seconds == pytest.approx(77, abs=5)


def test_without_a_pace_the_backlog_is_as_old_as_its_oldest_job(database: Database, desk: Desk) -> None:
    """A fleet that was scaled to nothing must be seen to have work."""
    job = desk.submit()
    change(database, job.id, created_at=db_now(-300))
    (queue,) = QueueReader(database).queues([])
    assert queue.backlog_seconds == queue.oldest_seconds == pytest.approx(300, abs=5)


def test_what_ended_is_counted_once_by_state_and_code(
    database: Database, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue_reader, "SETTLED_SECONDS", 0.0)
    reader = QueueReader(database)
    since, nothing = reader.ended(None)
    assert nothing == []
    for _ in range(3):
        desk.submit()
    first, second, third = desk.claim(limit=3)
    assert desk.jobs.succeed(first, result(first))
    assert desk.jobs.fail(second, JobError("mark_failed", "no"))
    until, ended = reader.ended(since)
    assert {(one.state, one.code, one.count) for one in ended} == {("succeeded", None, 1), ("failed", "mark_failed", 1)}
    assert desk.jobs.fail(third, JobError("mark_failed", "no"))
    assert reader.ended(until)[1] == [EndedJobs("default", "failed", "mark_failed", 1)]
    # One that was not asked for long goes back so far and no further.
    assert len(reader.ended(until - timedelta(days=1))[1]) == 2
    change(database, third.id, erased_at=db_now())
    monkeypatch.setattr(queue_reader, "LONGEST_GAP_SECONDS", 0.0)
    assert reader.ended(until - timedelta(days=1))[1] == []


def test_the_keeper_tells_depth_backlog_ends_and_what_is_late(
    database: Database, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue_reader, "SETTLED_SECONDS", 0.0)
    clock = iter(range(0, 100, 10))
    collector = FleetCollector(QueueReader(database), UpkeepReader(database), ["default", "xl"], lambda: next(clock))
    before = told(collector)
    assert before["inpaintd_jobs_ended_total", ("default", "failed")] == 0
    assert before["inpaintd_backlog_seconds", ("xl",)] == 0
    desk.submit()
    failed = desk.claim_one()
    desk.jobs.fail(failed, JobError("internal", "no"))
    late = desk.submit(deadline_seconds=-60)
    after = told(collector)
    assert after["inpaintd_database_up", ()] == 1
    assert after["inpaintd_jobs", ("default", "queued")] == 1
    assert after["inpaintd_jobs_ended_total", ("default", "failed")] == 1
    assert after["inpaintd_jobs_failed_total", ("default", "internal")] == 1
    assert after["inpaintd_overdue", ("expire",)] == 1
    assert after["inpaintd_overdue_seconds", ("expire",)] == pytest.approx(60, abs=5)
    assert after["inpaintd_overdue", ("reap",)] == 0
    assert desk.leases.expire() == [late.id]
    assert told(collector)["inpaintd_jobs_ended_total", ("default", str(JobState.EXPIRED))] == 1


def test_a_database_that_is_away_is_told_and_nothing_else() -> None:
    away = Database("postgresql://nobody@127.0.0.1:1/none")
    assert told(FleetCollector(QueueReader(away), UpkeepReader(away), ["default"])) == {("inpaintd_database_up", ()): 0}
    away.close()
