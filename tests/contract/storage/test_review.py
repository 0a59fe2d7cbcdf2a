"""A person's word on held jobs, on SQLite and PostgreSQL alike."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from storage.audit import Decision, PolicyId, Stage
from storage.audit_rows import audit_row
from storage.audit_store import AuditStore
from storage.database import Database
from storage.delivery_log import DeliveryLog
from storage.errors import JobNotFound
from storage.job import HeldAt, Job, JobState
from storage.job_reader import JobReader
from storage.review_store import ReviewStore
from storage.webhook import DEFAULT_EVENTS
from storage.webhook_store import WebhookStore
from tests.jobs import VERDICT, Desk, result

Move = Callable[[ReviewStore, Job], bool]
WAIVED = {**VERDICT, "waived": [{"stage": "request", "rule": "prompt.x"}]}


@pytest.fixture
def desk(database: Database) -> Desk:
    return Desk(database)


@pytest.fixture
def store(database: Database) -> ReviewStore:
    return ReviewStore(database)


def approve(store: ReviewStore, job: Job) -> bool:
    decision = Decision(Stage.REVIEW, "approve", PolicyId("p", "1.0.0", "0" * 64), actor="ada", automated=False)
    return store.approve(job, safety=WAIVED, also=[audit_row(job.id, decision)])


def reject(store: ReviewStore, job: Job) -> bool:
    decision = Decision(Stage.REVIEW, "reject", PolicyId("p", "1.0.0", "0" * 64), actor="ada", automated=False)
    return store.reject(job, safety=VERDICT, reason="no_consent", also=[audit_row(job.id, decision)])


def held_request(desk: Desk) -> Job:
    return desk.submit(state=JobState.HELD, held_at=HeldAt.REQUEST)


def held_result(desk: Desk, store: ReviewStore) -> Job:
    job = desk.submit()
    running = desk.claim_one()
    desk.jobs.hold_result(running, result(running))
    return store.get(job.id)


def happened(database: Database, job: Job) -> list[tuple[str, dict[str, object]]]:
    return [(event.type, event.data) for event in JobReader(database).events(job.id, job.tenant_id)]


def test_an_approved_result_is_what_waited_in_quarantine(desk: Desk, store: ReviewStore, database: Database) -> None:
    job = held_result(desk, store)
    assert approve(store, job)
    done = store.get(job.id)
    assert (done.state, done.images, done.safety) == (JobState.SUCCEEDED, job.images, WAIVED)
    assert done.finished_at is not None
    assert desk.claim() == [], "nothing is rendered again"
    assert happened(database, job)[-1] == ("job.succeeded", {"approved": True})


def test_an_approved_request_runs_with_the_waiver_on_record(desk: Desk, store: ReviewStore, database: Database) -> None:
    job = held_request(desk)
    assert approve(store, job)
    running = desk.claim_one()
    assert (running.id, running.held_at, running.safety) == (job.id, None, WAIVED)
    assert happened(database, job)[1] == ("job.queued", {"reason": "approved"})


@pytest.mark.parametrize("kind", [HeldAt.REQUEST, HeldAt.RESULT])
def test_a_rejected_job_is_blocked_and_names_no_images(
    desk: Desk, store: ReviewStore, database: Database, kind: HeldAt
) -> None:
    job = held_request(desk) if kind is HeldAt.REQUEST else held_result(desk, store)
    assert reject(store, job)
    done = store.get(job.id)
    assert (done.state, done.images, done.is_terminal) == (JobState.BLOCKED, (), True)
    assert happened(database, job)[-1] == ("job.blocked", {"reason": "no_consent"})


@pytest.mark.parametrize("move", [approve, reject])
def test_a_word_that_comes_too_late_changes_nothing_and_leaves_no_record(
    desk: Desk, store: ReviewStore, database: Database, move: Move
) -> None:
    canceled, decided = held_request(desk), held_request(desk)
    desk.jobs.cancel(canceled.id, desk.tenant_id)
    assert not move(store, canceled)
    assert move(store, decided)
    assert not move(store, decided), "two moderators, one word"
    assert store.get(canceled.id).state is JobState.CANCELED
    assert AuditStore(database).of(canceled.id) == []
    assert len(AuditStore(database).of(decided.id)) == 1


def test_a_word_on_the_request_is_none_on_the_result(desk: Desk, store: ReviewStore) -> None:
    """Between looking and deciding, another moderator let it run, and now its result waits."""
    seen = held_request(desk)
    assert approve(store, seen)
    running = desk.claim_one()
    desk.jobs.hold_result(running, result(running))
    assert not approve(store, seen)
    assert not reject(store, seen)
    assert store.get(seen.id).state is JobState.HELD


def test_a_word_on_an_earlier_attempt_is_none_on_a_later_one(desk: Desk, store: ReviewStore) -> None:
    """Let run once, the job was held again at its request for something that nobody had seen then."""
    seen = held_request(desk)
    assert approve(store, seen)
    assert desk.jobs.hold_request(desk.claim_one(), safety=VERDICT)
    assert not approve(store, seen)
    assert approve(store, store.get(seen.id))


def test_whoever_waits_for_the_job_is_told_by_webhook(desk: Desk, store: ReviewStore, database: Database) -> None:
    hook = WebhookStore(database).create(desk.tenant_id, "https://hooks.example/in", DEFAULT_EVENTS).id
    approve(store, held_result(desk, store))
    reject(store, held_request(desk))
    sent = DeliveryLog(database).page(hook, desk.tenant_id).deliveries
    assert sorted(delivery.type for delivery in sent) == ["job.blocked", "job.held", "job.held", "job.succeeded"]


def test_held_jobs_are_listed_oldest_first_and_a_page_at_a_time(desk: Desk, store: ReviewStore) -> None:
    first, result_held, last = held_request(desk), held_result(desk, store), held_request(desk)
    desk.submit()
    assert [job.id for job in store.held(limit=2)] == [first.id, result_held.id]
    assert [job.id for job in store.held(limit=2, after=result_held.id)] == [last.id]


def test_an_unknown_job_is_named(store: ReviewStore) -> None:
    with pytest.raises(JobNotFound, match="job_none"):
        store.get("job_none")
