"""Batches in SQL: a chunk of lines is one commit, nobody feeds a batch that is not theirs, the end is told once."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import sqlalchemy as sa

from storage import certainty
from storage.batch import BATCH_FINISHED, Batch, BatchStatus
from storage.batch_intake import BatchIntake
from storage.batch_store import BatchStore
from storage.batch_tables import batches
from storage.copies import Trace
from storage.database import Database, db_now
from storage.delivery_store import DeliveryStore
from storage.errors import BatchClosed, BatchNotFound, QueueFull
from storage.failpoints import make_reach
from storage.feed import Feed
from storage.intake import Answer, Submitted
from storage.job import Job, JobState, NewJob
from storage.job_reader import JobReader
from storage.tables import job_events
from storage.tenant_store import TenantLimits, TenantStore
from storage.webhook_store import WebhookStore
from tests.jobs import Desk, new_job, result


class Clerk:
    """A tenant that sends batches."""

    def __init__(self, database: Database, tenant: str = "acme") -> None:
        self.database = database
        self.desk = Desk(database, tenant)
        self.tenant_id = self.desk.tenant_id
        self.batches = BatchStore(database)

    def open(self, key: str | None = None, **changes: Any) -> Batch:
        return self.batches.open(self.tenant_id, **{"key": key, "metadata": {}, "webhook_id": None, **changes})

    def feed(self, batch: Batch, count: int, intake: BatchIntake | None = None) -> list[Job]:
        """Jobs of `batch`, which must all be taken."""
        return jobs_of((intake or BatchIntake(self.database, batch)).feed([self.line(batch) for _ in range(count)]))

    def line(self, batch: Batch, **changes: Any) -> NewJob:
        return new_job(self.tenant_id, batch=batch.id, **changes)

    def get(self, batch: Batch) -> Batch:
        return self.batches.get(batch.id, self.tenant_id)

    def finish(self, count: int = 1) -> None:
        """Runs as many jobs."""
        for job in self.desk.claim(limit=count):
            assert self.desk.jobs.succeed(job, result(job))

    def told(self) -> list[sa.Row[Any]]:
        """The events of batches."""
        with self.database.reading() as connection:
            ends = sa.select(job_events).where(job_events.c.type == BATCH_FINISHED)
            return list(connection.execute(ends.order_by(job_events.c.id)))


@pytest.fixture
def clerk(database: Database) -> Clerk:
    return Clerk(database)


def jobs_of(answers: Sequence[Answer]) -> list[Job]:
    """The jobs, each of which must have been made now."""
    made = [answer for answer in answers if isinstance(answer, Submitted) and not answer.replayed]
    assert len(made) == len(answers)
    return [answer.job for answer in made]


def counts(batch: Batch) -> tuple[int, int, int, int]:
    return batch.lines, batch.accepted, batch.replayed, batch.refused


def test_a_chunk_is_counted_in_the_commit_that_stores_it(clerk: Clerk, database: Database) -> None:
    TenantStore(database).set_limits("acme", TenantLimits(max_queued=3))
    batch = clerk.open(metadata={"season": "spring"})
    intake = BatchIntake(database, batch)
    lines = [
        clerk.line(batch, idempotency_key=f"k{n}", fingerprint="f", line=n, custom_id=f"c{n}") for n in range(1, 5)
    ]
    answers = intake.feed(lines, refused=2)
    assert isinstance(answers[3], QueueFull)
    assert [(job.batch, job.line, job.custom_id) for job in jobs_of(answers[:3])][2] == (batch.id, 3, "c3")
    known = intake.known([Trace(clerk.tenant_id, "f", key, is_retry=False) for key in ("k1", "k4")])
    assert [answer and answer.job.id for answer in known] == [lines[0].id, None]
    (again,) = intake.feed([clerk.line(batch, idempotency_key="k1", fingerprint="f")], replayed=1)
    assert isinstance(again, Submitted)
    assert (again.replayed, again.job.id) == (True, lines[0].id)
    assert counts(clerk.get(batch)) == (8, 3, 2, 3)
    assert clerk.get(batch).metadata == {"season": "spring"}


def test_what_a_submit_answers_is_what_a_reader_sees(clerk: Clerk, database: Database) -> None:
    batch = clerk.open()
    line = clerk.line(batch, deadline_seconds=60.0, user="u", metadata={"a": [1, {"b": None}]}, line=7, custom_id="c")
    blocked = clerk.line(batch, state=JobState.BLOCKED)
    for job in jobs_of(BatchIntake(database, batch).feed([line, blocked])):
        assert JobReader(database).get(job.id, clerk.tenant_id) == job


def test_a_new_round_takes_the_batch_away_from_whoever_sent_it_before(clerk: Clerk, database: Database) -> None:
    batch = clerk.open("k")
    before = BatchIntake(database, batch)
    clerk.feed(batch, 2, before)
    again = clerk.open("k")
    assert (again.id, again.round, counts(again)) == (batch.id, 2, (0, 0, 0, 0))
    for former in (before, BatchIntake(database, batch)):
        with pytest.raises(BatchClosed):
            former.feed([clerk.line(batch)])
    clerk.batches.close(batch, complete=True)
    assert clerk.get(batch).status is BatchStatus.OPEN, "only who sends it now can close it"
    clerk.feed(again, 1)
    clerk.batches.close(again, complete=True)
    assert clerk.get(batch).status is BatchStatus.CLOSED
    assert clerk.batches.tally(batch.id, clerk.tenant_id).states == {JobState.QUEUED: 3}, (
        "what was refused left nothing"
    )
    assert clerk.open(None).id != clerk.open(None).id
    assert Clerk(database, "other").open("k").id != batch.id


def test_canceling_closes_a_batch_for_its_sender(clerk: Clerk, database: Database) -> None:
    batch = clerk.open()
    intake = BatchIntake(database, batch)
    clerk.feed(batch, 2, intake)
    assert clerk.desk.jobs.cancel_batch(batch.id, clerk.tenant_id).canceled == 2
    with pytest.raises(BatchClosed):
        intake.feed([clerk.line(batch)])
    assert clerk.batches.tally(batch.id, clerk.tenant_id).states == {JobState.CANCELED: 2}
    assert not clerk.get(batch).complete


@pytest.mark.parametrize("place", ["commit_answer", "before_commit"])
@pytest.mark.parametrize("count", [0, 2])
def test_a_doubtful_commit_is_counted_once(
    clerk: Clerk, database: Database, monkeypatch: pytest.MonkeyPatch, place: str, count: int
) -> None:
    batch = clerk.open()
    intake = BatchIntake(database, batch)
    monkeypatch.setattr(certainty, "reach", make_reach(f"{place}:raise"))
    clerk_jobs = jobs_of(intake.feed([clerk.line(batch) for _ in range(count)], refused=1))
    assert len(clerk_jobs) == count
    assert counts(clerk.get(batch)) == (count + 1, count, 0, 1)
    monkeypatch.undo()
    clerk.feed(batch, 1, intake)
    assert counts(clerk.get(batch)) == (count + 2, count + 1, 0, 1)


@pytest.mark.parametrize("count", [0, 2])
def test_a_commit_that_lands_after_the_look_is_counted_once(
    clerk: Clerk, database: Database, monkeypatch: pytest.MonkeyPatch, count: int
) -> None:
    batch = clerk.open()
    monkeypatch.setattr(certainty, "reach", make_reach("commit_answer:raise"))
    looks, read = iter([False]), certainty._read
    monkeypatch.setattr(certainty, "_read", lambda *of: read(*of) if next(looks, True) else None)
    made = BatchIntake(database, batch).feed([clerk.line(batch) for _ in range(count)], refused=1)
    assert len(jobs_of(made)) == count
    assert counts(clerk.get(batch)) == (count + 1, count, 0, 1)
    assert clerk.batches.tally(batch.id, clerk.tenant_id).total == count


def test_a_line_that_cannot_be_stored_spoils_no_others(clerk: Clerk, database: Database) -> None:
    batch = clerk.open()
    lines = [clerk.line(batch), clerk.line(batch, image_key=None), clerk.line(batch)]
    answers = BatchIntake(database, batch).feed(lines, refused=1)
    assert [isinstance(answer, Submitted) for answer in answers] == [True, False, True]
    assert counts(clerk.get(batch)) == (4, 2, 0, 2)


def test_the_end_is_told_once_after_the_last_job_and_again_after_another_round(clerk: Clerk) -> None:
    batch = clerk.open("k")
    clerk.feed(batch, 2)
    clerk.finish(2)
    assert clerk.batches.finish() == [], "it is still being sent"
    again = clerk.open("k")
    clerk.feed(again, 1)
    clerk.batches.close(again, complete=True)
    assert clerk.batches.finish() == [], "one job has not ended"
    clerk.finish()
    assert clerk.batches.finish() == [batch.id]
    assert clerk.batches.finish() == []
    assert clerk.get(batch).status is BatchStatus.FINISHED
    (event,) = clerk.told()
    assert (event.job_id, event.batch_id, event.tenant_id) == (None, batch.id, clerk.tenant_id)
    assert event.data == {"jobs": {"total": 3, "succeeded": 3}}
    clerk.batches.close(clerk.open("k"), complete=True)
    assert clerk.batches.finish() == [batch.id]
    assert len(clerk.told()) == 2


def test_many_keepers_and_the_last_jobs_ending_together_tell_the_end_once(clerk: Clerk, database: Database) -> None:
    batch = clerk.open()
    clerk.feed(batch, 4)
    clerk.batches.close(batch, complete=True)
    running = clerk.desk.claim(limit=4)
    together = threading.Barrier(8)

    def end(job: Job) -> list[str]:
        together.wait()
        assert clerk.desk.jobs.succeed(job, result(job))
        return []

    def keep(_: int) -> list[str]:
        store = BatchStore(database)
        together.wait()
        while clerk.get(batch).finished_at is None:
            if found := store.finish():
                return found
        return []

    with ThreadPoolExecutor(8) as pool:
        ending, keeping = [pool.submit(end, job) for job in running], [pool.submit(keep, n) for n in range(4)]
        found = [batch_id for future in (*ending, *keeping) for batch_id in future.result()]
    assert found == [batch.id]
    (event,) = clerk.told()
    assert event.data == {"jobs": {"total": 4, "succeeded": 4}}


def test_a_batch_whose_sender_died_is_closed_and_one_that_is_being_sent_is_not(
    clerk: Clerk, database: Database
) -> None:
    dead, living = clerk.open(), clerk.open()
    with database.transaction() as connection:
        connection.execute(sa.update(batches).where(batches.c.id == dead.id).values(fed_at=db_now(-121)))
    assert clerk.batches.close_abandoned(older_than_seconds=120) == 1
    assert [clerk.get(batch).status for batch in (dead, living)] == [BatchStatus.CLOSED, BatchStatus.OPEN]
    assert not clerk.get(dead).complete
    with pytest.raises(BatchClosed):
        clerk.feed(dead, 1)
    assert clerk.batches.finish() == [dead.id], "nothing of it is under way"


def test_the_end_stands_in_the_history_of_the_tenant(clerk: Clerk, database: Database) -> None:
    batch = clerk.open()
    (job,) = clerk.feed(batch, 1)
    clerk.batches.close(batch, complete=True)
    clerk.finish()
    clerk.batches.finish()
    told = Feed(database, lag_seconds=0.0).page(clerk.tenant_id).events
    assert [(event.type, event.job_id, event.batch_id) for event in told] == [
        ("job.queued", job.id, None),
        ("job.started", job.id, None),
        ("job.succeeded", job.id, None),
        (BATCH_FINISHED, None, batch.id),
    ]


def test_who_wants_to_know_of_the_end_is_told(clerk: Clerk, database: Database) -> None:
    webhooks = WebhookStore(database)
    wants = webhooks.create(clerk.tenant_id, "https://a.example/", [BATCH_FINISHED]).id
    webhooks.create(clerk.tenant_id, "https://b.example/", ["job.succeeded"])
    own = webhooks.implicit(clerk.tenant_id, "https://c.example/", [BATCH_FINISHED])
    other = Clerk(database, "other")
    webhooks.create(other.tenant_id, "https://d.example/", [BATCH_FINISHED])
    batch = clerk.open(webhook_id=own)
    clerk.batches.close(batch, complete=True)
    clerk.batches.finish()
    claimed = DeliveryStore(database).claim(10)
    assert {one.delivery.endpoint_id for one in claimed} == {wants, own}
    assert {(one.delivery.type, one.delivery.job_id, one.batch_id) for one in claimed} == {
        (BATCH_FINISHED, None, batch.id)
    }


def test_batches_are_listed_newest_first_and_are_a_tenants_own(clerk: Clerk, database: Database) -> None:
    made = [clerk.open().id for _ in range(3)]
    other = Clerk(database, "other")
    other.open()
    first = clerk.batches.page(clerk.tenant_id, limit=2)
    assert [batch.id for batch in first.batches] == made[:0:-1]
    second = clerk.batches.page(clerk.tenant_id, limit=2, cursor=first.next_cursor)
    assert [batch.id for batch in second.batches] == made[:1]
    assert second.next_cursor is None
    with pytest.raises(BatchNotFound):
        other.batches.get(made[0], other.tenant_id)
    assert not other.batches.tally(made[0], other.tenant_id).total


def test_jobs_of_a_label_come_in_the_order_in_which_they_were_sent(clerk: Clerk, database: Database) -> None:
    batch = clerk.open()
    made = [job.id for job in clerk.feed(batch, 5)]
    clerk.desk.submit()
    reader = JobReader(database)
    assert [job.id for job in reader.labelled(clerk.tenant_id, batch.id, limit=3)] == made[:3]
    assert [job.id for job in reader.labelled(clerk.tenant_id, batch.id, after=made[2], limit=3)] == made[3:]
    assert reader.labelled("tnt_other", batch.id, limit=3) == []


def test_how_a_batch_stands_is_read_from_an_index_alone(clerk: Clerk, database: Database) -> None:
    batch = clerk.open()
    clerk.feed(batch, 3)
    with database.reading() as connection:
        is_sqlite = connection.dialect.name == "sqlite"
        explain = "EXPLAIN QUERY PLAN" if is_sqlite else "EXPLAIN"
        if not is_sqlite:
            connection.execute(sa.text("SET LOCAL enable_seqscan = off"))
        counted = "SELECT state, count(*) FROM jobs WHERE tenant_id = :tenant AND batch = :batch GROUP BY state"
        asked = {"tenant": clerk.tenant_id, "batch": batch.id}
        plan = str(connection.execute(sa.text(f"{explain} {counted}"), asked).all())
    assert "ix_jobs_batch_state" in plan
    assert "COVERING" in plan if is_sqlite else "Index Only" in plan
