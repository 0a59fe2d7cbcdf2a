"""Accepting jobs: copies are recognised, limits hold exactly, and a lost answer loses and doubles nothing."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import sqlalchemy as sa

from storage import certainty
from storage.database import Database, db_now
from storage.errors import IdempotencyConflict, QueueFull
from storage.failpoints import make_reach
from storage.intake import Submitted
from storage.job import JobState, NewJob
from storage.submissions import KeptAnswer, Submissions
from storage.tables import idempotency_keys, job_events, jobs
from storage.tenant_store import TenantLimits, TenantStore
from tests.jobs import Desk, change, new_job


@pytest.fixture
def desk(database: Database) -> Desk:
    return Desk(database)


def new(desk: Desk, key: str | None = "k", fingerprint: str | None = "f", **changes: Any) -> NewJob:
    """A request of this tenant that can be known again."""
    return new_job(desk.tenant_id, idempotency_key=key, fingerprint=fingerprint, **changes)


def stored(database: Database, table: sa.Table = jobs) -> int:
    """How many rows there are."""
    with database.reading() as connection:
        return connection.scalar(sa.select(sa.func.count()).select_from(table)) or 0


def submitted(answers: Sequence[Submitted | Exception]) -> list[Submitted]:
    """The answers, none of which may be an error."""
    assert not [answer for answer in answers if isinstance(answer, Exception)]
    return [answer for answer in answers if isinstance(answer, Submitted)]


def test_a_copy_finds_the_job_and_another_request_is_refused(desk: Desk, database: Database) -> None:
    first, again = desk.submissions.submit(new(desk)), desk.submissions.submit(new(desk))
    assert (first.replayed, again.replayed, again.job.id) == (False, True, first.job.id)
    with pytest.raises(IdempotencyConflict, match="'k'"):
        desk.submissions.submit(new(desk, fingerprint="another"))
    other = Desk(database, "other")
    assert not other.submissions.submit(new(other)).replayed, "keys are a tenant's own"
    assert stored(database) == 2


def test_a_key_that_is_past_its_day_stands_for_nothing(desk: Desk, database: Database) -> None:
    first = desk.submissions.submit(new(desk))
    for age, replayed in ((86_300, True), (86_500, False)):
        with database.transaction() as connection:
            connection.execute(sa.update(idempotency_keys).values(created_at=db_now(-age)))
        assert desk.submissions.submit(new(desk)).replayed is replayed
    assert desk.submissions.submit(new(desk)).job.id != first.job.id
    assert stored(database) == 2


def test_the_first_answer_is_kept_to_the_byte(desk: Desk) -> None:
    desk.submissions.submit(new(desk))
    assert desk.submissions.kept_answer(desk.tenant_id, "k") is None
    first, later = KeptAnswer(202, '{"z":1, "a":2.50,"t":"\\u0000é"}'), KeptAnswer(202, "{}")
    assert desk.submissions.record_answer(desk.tenant_id, "k", first) == first
    assert desk.submissions.record_answer(desk.tenant_id, "k", later) == first
    assert desk.submissions.kept_answer(desk.tenant_id, "k") == first
    assert desk.submissions.kept_answer(desk.tenant_id, "unknown") is None


def test_a_retry_without_a_key_is_known_for_ten_minutes(desk: Desk, database: Database) -> None:
    first = desk.submissions.submit(new(desk, key=None))
    assert not desk.submissions.submit(new(desk, key=None, fingerprint="another", is_retry=True)).replayed
    assert desk.submissions.submit(new(desk, key=None, is_retry=True)).job.id == first.job.id
    change(database, first.job.id, created_at=db_now(-590))
    assert desk.submissions.submit(new(desk, key=None, is_retry=True)).replayed
    change(database, first.job.id, created_at=db_now(-610))
    assert not desk.submissions.submit(new(desk, key=None, is_retry=True)).replayed
    assert not desk.submissions.submit(new(desk, key=None)).replayed, "the same request, but no retry"


def test_twins_in_one_transaction_are_one_job(desk: Desk, database: Database) -> None:
    group = [new(desk), new(desk), new(desk, fingerprint="another"), new(desk, "other"), new(desk)]
    answers = desk.submissions.submit_many(group)
    assert isinstance(answers.pop(2), IdempotencyConflict)
    made = submitted(answers)
    assert [answer.replayed for answer in made] == [False, True, False, True]
    assert made[0].job.id == made[1].job.id == made[3].job.id == group[0].id
    assert stored(database) == 2


def test_copies_sent_by_many_threads_are_one_job(desk: Desk, database: Database) -> None:
    together, doors = threading.Barrier(8), [Submissions(database) for _ in range(2)]

    def send(n: int) -> Submitted:
        together.wait()
        return doors[n % 2].submit(new(desk))

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(send, range(8)))
    assert sum(not answer.replayed for answer in answers) == 1
    assert len({answer.job.id for answer in answers}) == 1
    assert stored(database) == 1


def test_the_queues_limit_is_exact_under_many_threads(desk: Desk, database: Database) -> None:
    TenantStore(database).set_limits("acme", TenantLimits(max_queued=10))
    doors = [Submissions(database) for _ in range(2)]

    def send(n: int) -> bool:
        try:
            doors[n % 2].submit(new_job(desk.tenant_id))
        except QueueFull as refusal:
            assert refusal.retry_after > 0  # noqa: PT017
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(send, range(40))) == 10
    desk.claim(limit=3)
    assert sum(map(send, range(5))) == 3, "there is room again for as many as were started"
    blocked = desk.submissions.submit(new_job(desk.tenant_id, state=JobState.BLOCKED))
    assert blocked.job.state is JobState.BLOCKED, "what does not queue needs no room"


def test_five_hundred_at_once_keep_their_order_and_their_answers(desk: Desk, database: Database) -> None:
    group = [new_job(desk.tenant_id) for _ in range(500)]
    assert [answer.job.id for answer in submitted(desk.submissions.submit_many(group))] == [one.id for one in group]
    assert stored(database, job_events) == 500
    assert [job.id for job in desk.claim(limit=500)] == [one.id for one in group]


def test_blocked_rows_have_ended_and_are_never_claimed(desk: Desk) -> None:
    group = [new_job(desk.tenant_id, state=state) for state in (JobState.BLOCKED, JobState.QUEUED, JobState.BLOCKED)]
    made = [answer.job for answer in submitted(desk.submissions.submit_many(group))]
    assert [(job.state, job.finished_at is not None) for job in made] == [
        (JobState.BLOCKED, True),
        (JobState.QUEUED, False),
        (JobState.BLOCKED, True),
    ]
    assert [job.id for job in desk.claim(limit=5)] == [group[1].id]


@pytest.mark.parametrize("place", ["commit_answer", "before_commit"])
def test_a_doubtful_commit_is_neither_lost_nor_doubled_nor_taken_for_a_copy(
    desk: Desk, database: Database, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    monkeypatch.setattr(certainty, "reach", make_reach(f"{place}:raise"))
    group = [new(desk), new(desk), new(desk, None, None), new(desk, fingerprint="another")]
    answers = desk.submissions.submit_many(group)
    assert isinstance(answers.pop(), IdempotencyConflict)
    # Whoever made a job must hear that it did: it would otherwise remove the pictures that it stored for it.
    made = [(answer.job.id, answer.replayed) for answer in submitted(answers)]
    assert made == [(group[0].id, False), (group[0].id, True), (group[2].id, False)]
    assert (stored(database), stored(database, job_events)) == (2, 2)


def test_a_commit_that_lands_after_the_look_is_no_copy_of_itself(
    desk: Desk, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(certainty, "reach", make_reach("commit_answer:raise"))
    looks = iter([False])
    read = certainty._read

    def late(which: Database, outcome: Any) -> Any:
        return read(which, outcome) if next(looks, True) else None

    monkeypatch.setattr(certainty, "_read", late)
    one = new(desk)
    answer = desk.submissions.submit(one)
    assert (answer.job.id, answer.replayed, stored(database)) == (one.id, False, 1)


def test_a_request_that_cannot_be_stored_spoils_no_others(desk: Desk, database: Database) -> None:
    group = [new_job(desk.tenant_id), new_job(desk.tenant_id, image_key=None), new_job(desk.tenant_id)]
    answers = desk.submissions.submit_many(group)
    assert [isinstance(answer, Submitted) for answer in answers] == [True, False, True]
    assert stored(database) == 2
