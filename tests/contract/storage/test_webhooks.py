"""Webhooks in SQL: who is told, when it is sent again, and what a breaker holds back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from storage.breaker import FAILURES
from storage.database import Database, db_now
from storage.delivery_log import DeliveryLog
from storage.delivery_store import DeliveryStore
from storage.errors import DeliveryNotFound, TooManyWebhooks, WebhookDisabled, WebhookNotFound
from storage.webhook import DEFAULT, DEFAULT_EVENTS, EVENTS, Claimed, Delivery, DeliveryState, Outcome
from storage.webhook_schedule import SCHEDULE
from storage.webhook_store import MAX_ENDPOINTS, WebhookStore
from storage.webhook_tables import webhook_deliveries, webhook_endpoints
from tests.jobs import Desk, result

URL = "https://hooks.example/in"
OK, BROKEN = Outcome(200, None, 12, "thanks"), Outcome(500, None, 7, "oops")


class Post:
    """A tenant's webhooks with everything that touches them."""

    def __init__(self, database: Database, tenant: str = "acme") -> None:
        self.database = database
        self.desk = Desk(database, tenant)
        self.tenant_id = self.desk.tenant_id
        self.webhooks = WebhookStore(database)
        self.log = DeliveryLog(database)
        self.store = DeliveryStore(database, chance=lambda: 0.0)

    def endpoint(self, *events: str, url: str = URL) -> str:
        return self.webhooks.create(self.tenant_id, url, events or DEFAULT_EVENTS).id

    def finish(self, **changes: Any) -> str:
        """A job that was run and succeeded."""
        job_id = self.desk.submit(**changes).id
        job = self.desk.claim_one()
        assert job.id == job_id
        assert self.desk.jobs.succeed(job, result(job))
        return job_id

    def deliveries(self, webhook_id: str) -> list[Delivery]:
        return list(self.log.page(webhook_id, self.tenant_id).deliveries)

    def only(self, webhook_id: str) -> Delivery:
        (delivery,) = self.deliveries(webhook_id)
        return delivery

    def claim_one(self) -> Claimed:
        (claimed,) = self.store.claim(10)
        return claimed

    def make_due(self) -> None:
        """Lets the time of every wait and every lease pass."""
        past = {"next_at": db_now(-1), "leased_until": None}
        with self.database.transaction() as connection:
            connection.execute(sa.update(webhook_deliveries).values(**past))

    def end_opening(self) -> None:
        """Lets the time pass for which breakers are open."""
        opened = sa.update(webhook_endpoints).where(webhook_endpoints.c.opened_until.is_not(None))
        with self.database.transaction() as connection:
            connection.execute(opened.values(opened_until=db_now(-1)))

    def break_down(self, webhook_id: str) -> None:
        """Fails one delivery until the endpoint's breaker opens."""
        for _ in range(FAILURES):
            self.make_due()
            self.store.record(self.claim_one(), BROKEN)
        assert self.webhooks.get(webhook_id, self.tenant_id).opened_until is not None


@pytest.fixture
def post(database: Database) -> Post:
    return Post(database)


def seconds_from_now(moment: datetime) -> float:
    return (moment - datetime.now(UTC)).total_seconds()


def test_an_event_is_delivered_once_to_each_endpoint_that_wants_it(post: Post) -> None:
    one, two = post.endpoint(), post.endpoint("job.started", "job.succeeded")
    other, stranger = post.endpoint("job.failed"), Post(post.database, "stranger")
    theirs = stranger.endpoint(*EVENTS)
    job_id = post.finish()
    assert [(d.type, d.job_id, d.state) for d in post.deliveries(one)] == [("job.succeeded", job_id, "pending")]
    assert {d.type for d in post.deliveries(two)} == {"job.started", "job.succeeded"}
    assert post.deliveries(other) == []
    assert stranger.deliveries(theirs) == []
    claimed = post.store.claim(10)
    assert len({one.delivery.id for one in claimed}) == len(claimed) == 3
    assert all(len(one.delivery.id) <= 64 and "." not in one.delivery.id for one in claimed)


def test_an_endpoint_that_ended_is_told_nothing(post: Post) -> None:
    disabled, deleted = post.endpoint(), post.endpoint()
    post.webhooks.update(disabled, post.tenant_id, disabled=True)
    post.webhooks.delete(deleted, post.tenant_id)
    post.finish()
    assert post.store.claim(10) == []
    assert post.deliveries(disabled) == []
    with pytest.raises(WebhookNotFound):
        post.deliveries(deleted)


def test_a_job_with_an_endpoint_of_its_own_tells_that_one_alone(post: Post) -> None:
    own = post.webhooks.implicit(post.tenant_id, URL, DEFAULT_EVENTS)
    assert post.webhooks.implicit(post.tenant_id, URL, reversed_events()) == own
    assert post.webhooks.list(post.tenant_id) == []
    told = post.finish(webhook_id=own)
    post.finish()
    assert post.only(own).job_id == told
    assert post.only(DEFAULT).job_id == told
    (secret,) = post.webhooks.secrets(DEFAULT, post.tenant_id)
    assert post.claim_one().secrets == (secret.text,)


def reversed_events() -> list[str]:
    return list(reversed(DEFAULT_EVENTS))


def test_an_event_that_is_rolled_back_leaves_no_delivery(post: Post) -> None:
    hook = post.endpoint()
    job = post.desk.jobs
    post.desk.submit()
    claimed = post.desk.claim_one()
    assert job.succeed(claimed, result(claimed))
    assert not job.succeed(claimed, result(claimed))
    assert len(post.deliveries(hook)) == 1


def test_the_whole_schedule_and_then_an_end(post: Post) -> None:
    hook = post.endpoint()
    post.finish()
    waits = []
    for _ in SCHEDULE:
        post.make_due()
        post.end_opening()
        post.store.record(post.claim_one(), BROKEN)
        waits.append(seconds_from_now(post.only(hook).next_at))
    assert post.store.claim(10) == []
    delivery, attempts = post.log.get(post.only(hook).id, hook, post.tenant_id)
    assert delivery.state is DeliveryState.FAILED
    assert [(a.status, a.milliseconds, a.answer) for a in attempts] == [(500, 7, "oops")] * len(SCHEDULE)
    for wait, planned in zip(waits, SCHEDULE[1:], strict=False):
        assert planned - 5 < wait <= planned


def test_a_success_ends_it(post: Post) -> None:
    hook = post.endpoint()
    post.finish()
    post.store.record(post.claim_one(), OK)
    post.make_due()
    assert post.store.claim(10) == []
    delivery, (attempt,) = post.log.get(post.only(hook).id, hook, post.tenant_id)
    assert delivery.state is DeliveryState.DELIVERED
    assert delivery.delivered_at is not None
    assert (attempt.status, attempt.answer) == (200, "thanks")


def test_a_sender_that_dies_before_recording_sends_the_same_again(post: Post) -> None:
    post.endpoint()
    post.finish()
    first = post.claim_one()
    assert post.store.claim(10) == []  # leased
    assert post.store.freeze(first.delivery.id, "first") == "first"
    post.make_due()
    second = post.claim_one()
    assert (second.delivery.id, second.payload) == (first.delivery.id, "first")
    assert post.store.freeze(second.delivery.id, "another") == "first"
    post.store.record(second, BROKEN)
    post.store.record(first, BROKEN)  # woken up late: it may log, not decide
    post.make_due()
    assert post.claim_one().delivery.attempts == 1


def test_a_receivers_wish_to_wait_is_honoured(post: Post) -> None:
    hook = post.endpoint()
    post.finish()
    post.store.record(post.claim_one(), Outcome(429, None, 1, retry_after=600))
    assert 590 < seconds_from_now(post.only(hook).next_at) <= 600


def test_gone_disables_the_endpoint_and_fails_what_waits(post: Post) -> None:
    hook, other = post.endpoint(), post.endpoint()
    for _ in range(2):
        post.finish()
    claimed = next(one for one in post.store.claim(10) if one.delivery.endpoint_id == hook)
    post.store.record(claimed, Outcome(410, None, 1))
    endpoint = post.webhooks.get(hook, post.tenant_id)
    assert endpoint.disabled_at is not None
    assert "410" in (endpoint.disabled_reason or "")
    assert {delivery.state for delivery in post.deliveries(hook)} == {DeliveryState.FAILED}
    assert {delivery.state for delivery in post.deliveries(other)} == {DeliveryState.PENDING}
    with pytest.raises(WebhookDisabled):
        post.log.replay(claimed.delivery.id, hook, post.tenant_id)
    post.webhooks.update(hook, post.tenant_id, disabled=False)
    assert post.log.replay(claimed.delivery.id, hook, post.tenant_id).state is DeliveryState.PENDING


def test_an_endpoint_that_is_disabled_while_a_delivery_is_written_gets_nothing(post: Post) -> None:
    hook = post.endpoint()
    post.finish()
    with post.database.transaction() as connection:  # as a transaction that began earlier leaves it
        connection.execute(sa.update(webhook_endpoints).values(disabled_at=db_now()))
    claimed = post.claim_one()
    assert not claimed.is_wanted
    post.store.drop(claimed)
    assert post.only(hook).state is DeliveryState.FAILED


def test_an_open_breaker_holds_deliveries_back_without_using_up_attempts(post: Post) -> None:
    hook = post.endpoint()
    post.finish()
    post.break_down(hook)
    for _ in range(2):
        post.finish()
    post.make_due()
    assert post.store.claim(10) == []
    assert sorted(delivery.attempts for delivery in post.deliveries(hook)) == [0, 0, FAILURES]


def test_half_open_lets_one_probe_through(post: Post) -> None:
    hook, healthy = post.endpoint(), post.endpoint(url=f"{URL}/2")
    post.finish()
    for one in post.store.claim(10):
        if one.delivery.endpoint_id == healthy:
            post.store.record(one, OK)
    post.break_down(hook)
    post.finish()
    post.end_opening()
    post.make_due()
    claimed = post.store.claim(10)
    probe = next(one for one in claimed if one.delivery.endpoint_id == hook)
    assert {one.delivery.endpoint_id for one in claimed} == {hook, healthy}
    assert len(claimed) == 2
    assert post.store.claim(10) == []  # the probe is under way
    post.store.record(probe, BROKEN)
    opened = post.webhooks.get(hook, post.tenant_id).opened_until
    assert opened is not None
    assert 115 < seconds_from_now(opened) <= 120
    post.end_opening()
    post.make_due()
    probe = next(one for one in post.store.claim(10) if one.delivery.endpoint_id == hook)
    post.store.record(probe, OK)
    assert post.webhooks.get(hook, post.tenant_id).failures == 0
    assert [one.delivery.endpoint_id for one in post.store.claim(10)] == [hook]


def test_a_long_backlog_of_one_endpoint_leaves_room_for_the_others(post: Post) -> None:
    slow = post.endpoint()
    for _ in range(12):
        post.finish()
    quick = post.endpoint(url=f"{URL}/2")
    post.finish()
    claimed = [one.delivery.endpoint_id for one in post.store.claim(8)]
    assert claimed.count(slow) == 4
    assert claimed.count(quick) == 1
    assert post.store.claim(8) == []


def test_replay_sends_one_again_under_the_same_id(post: Post) -> None:
    hook = post.endpoint()
    post.finish()
    first = post.claim_one()
    post.store.freeze(first.delivery.id, "body")
    post.store.record(first, OK)
    assert post.log.replay(first.delivery.id, hook, post.tenant_id).state is DeliveryState.PENDING
    again = post.claim_one()
    assert (again.delivery.id, again.payload, again.delivery.attempts) == (first.delivery.id, "body", 0)
    post.store.record(again, OK)
    assert len(post.log.get(first.delivery.id, hook, post.tenant_id)[1]) == 2


def test_replay_of_a_range_takes_what_failed_or_all_of_it(post: Post) -> None:
    hook = post.endpoint()
    for outcome in (OK, Outcome(410, None, 1)):
        post.finish()
        post.store.record(post.claim_one(), outcome)
    post.webhooks.update(hook, post.tenant_id, disabled=False)
    now = datetime.now(UTC)
    day = {"since": now - timedelta(days=1), "until": now + timedelta(days=1)}
    before = {"since": now - timedelta(days=2), "until": now - timedelta(days=1)}
    assert post.log.replay_range(hook, post.tenant_id, **before, failed_only=False) == 0
    assert post.log.replay_range(hook, post.tenant_id, **day, failed_only=True) == 1
    post.store.record(post.claim_one(), OK)
    assert post.log.replay_range(hook, post.tenant_id, **day, failed_only=False) == 2


def test_a_turned_secret_signs_beside_the_old_one_for_the_time_that_was_asked_for(post: Post) -> None:
    hook = post.endpoint()
    (old,) = post.webhooks.secrets(hook, post.tenant_id)
    new, kept = post.webhooks.rotate(hook, post.tenant_id, keep_seconds=3600)
    assert kept.text == old.text
    assert kept.expires_at is not None
    post.finish()
    assert post.claim_one().secrets == (new.text, old.text)
    newest, second = post.webhooks.rotate(hook, post.tenant_id, keep_seconds=60)
    assert second.text == new.text
    assert post.webhooks.secrets(hook, post.tenant_id)[0] == newest
    (alone,) = post.webhooks.rotate(hook, post.tenant_id, keep_seconds=0)
    post.make_due()
    assert post.claim_one().secrets == (alone.text,)
    (default,) = post.webhooks.secrets(DEFAULT, post.tenant_id)
    turned, kept = post.webhooks.rotate(DEFAULT, post.tenant_id, keep_seconds=60)
    assert kept.text == default.text != turned.text


def test_a_strangers_webhook_is_not_there(post: Post) -> None:
    hook = post.endpoint()
    post.finish()
    delivery = post.only(hook).id
    stranger = Post(post.database, "stranger")
    theirs = (hook, stranger.tenant_id)
    for ask in (post.webhooks.get, post.webhooks.delete, post.webhooks.secrets, post.log.page):
        with pytest.raises(WebhookNotFound):
            ask(*theirs)
    with pytest.raises(WebhookNotFound):
        post.webhooks.rotate(*theirs, keep_seconds=1)
    with pytest.raises(WebhookNotFound):
        post.webhooks.update(*theirs, disabled=True)
    for touch in (post.log.get, post.log.replay):
        for scope in (hook, DEFAULT):
            with pytest.raises(DeliveryNotFound):
                touch(delivery, scope, stranger.tenant_id)
    assert post.only(hook).state is DeliveryState.PENDING


def test_a_test_is_sent_as_it_is(post: Post) -> None:
    hook = post.endpoint()
    made = post.log.test(hook, post.tenant_id, "{}")
    claimed = post.claim_one()
    assert (claimed.delivery.id, claimed.payload, claimed.delivery.type) == (made.id, "{}", "webhook.test")


def test_a_tenant_has_a_bounded_number_of_webhooks(post: Post) -> None:
    hooks = [post.endpoint(url=f"{URL}/{number}") for number in range(MAX_ENDPOINTS)]
    assert [endpoint.id for endpoint in post.webhooks.list(post.tenant_id)] == hooks
    with pytest.raises(TooManyWebhooks):
        post.endpoint()
    post.webhooks.delete(hooks[0], post.tenant_id)
    post.endpoint()


def test_changes_show(post: Post) -> None:
    hook = post.endpoint()
    post.webhooks.update(hook, post.tenant_id, url=f"{URL}/new", events=["job.failed"])
    endpoint = post.webhooks.update(hook, post.tenant_id)
    assert (endpoint.url, endpoint.events, endpoint.disabled_at) == (f"{URL}/new", ("job.failed",), None)
