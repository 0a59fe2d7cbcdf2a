"""The whole road of a webhook: a job ends, the keeper's duty sends, a real receiver gets it."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest
import sqlalchemy as sa
from standardwebhooks import Webhook

from producer.keeper.deliver import Courier, delivering
from producer.outbound.addresses import AddressGuard
from producer.webhooks.sender import Sender
from storage.breaker import FAILURES
from storage.database import Database, db_now
from storage.delivery_log import DeliveryLog
from storage.delivery_store import DeliveryStore
from storage.job_reader import JobReader
from storage.webhook import DEFAULT, DEFAULT_EVENTS, Attempt, Delivery, DeliveryState
from storage.webhook_store import WebhookStore
from storage.webhook_tables import webhook_deliveries, webhook_endpoints
from tests.integration.webhooks.receiver import Receiver, receiving
from tests.jobs import Desk, result

SECONDS = 10.0


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


class Office:
    """A tenant, its webhooks, and a courier that sends them."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.desk = Desk(database)
        self.webhooks = WebhookStore(database)
        self.log = DeliveryLog(database)
        self.courier = self.new_courier()

    def new_courier(self, threads: int = 8, seconds: float = 5.0) -> Courier:
        sender = Sender(AddressGuard(["127.0.0.1"]), seconds=seconds)
        return Courier(DeliveryStore(self.database), JobReader(self.database), sender, threads)

    def endpoint(self, url: str) -> str:
        return self.webhooks.create(self.desk.tenant_id, url, DEFAULT_EVENTS).id

    def finish(self, count: int = 1, **changes: Any) -> list[str]:
        """Jobs that were run and succeeded."""
        ids = [self.desk.submit(**changes).id for _ in range(count)]
        for job in self.desk.claim(limit=count):
            assert self.desk.jobs.succeed(job, result(job))
        return ids

    def deliveries(self, webhook_id: str) -> list[Delivery]:
        return list(self.log.page(webhook_id, self.desk.tenant_id).deliveries)

    def attempts(self, webhook_id: str) -> list[Attempt]:
        """The log of the only delivery."""
        (delivery,) = self.deliveries(webhook_id)
        return self.log.get(delivery.id, webhook_id, self.desk.tenant_id)[1]

    def pass_time(self) -> None:
        """Lets every wait and every lease end."""
        with self.database.transaction() as connection:
            connection.execute(sa.update(webhook_deliveries).values(next_at=db_now(-1), leased_until=None))

    def send(self) -> None:
        """One turn of the duty, to the end of all that it began."""
        delivering(self.courier).do()
        self.courier.close()
        self.courier = self.new_courier()

    def await_state(self, webhook_id: str, state: DeliveryState) -> None:
        eventually(lambda: {one.state for one in self.deliveries(webhook_id)} == {state})


@pytest.fixture
def office(sqlite_url: str) -> Iterator[Office]:
    database = Database(sqlite_url)
    office = Office(database)
    yield office
    office.courier.close()
    database.close()


def eventually(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + SECONDS
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_a_finished_job_is_told_signed_and_as_the_api_shows_it(database: Database, receiver: Receiver) -> None:
    office = Office(database)
    hook = office.endpoint(receiver.url())
    (job_id,) = office.finish(metadata={"order": 5})
    office.send()
    (got,) = receiver.received
    (secret,) = office.webhooks.secrets(hook, office.desk.tenant_id)
    said = Webhook(secret.text).verify(got.body, got.headers)
    assert (said["type"], said["data"]["id"], said["data"]["status"]) == ("job.succeeded", job_id, "succeeded")
    assert said["data"]["metadata"] == {"order": 5}
    assert abs((datetime.fromisoformat(said["timestamp"]) - datetime.now(UTC)).total_seconds()) < 60
    (delivery,) = office.deliveries(hook)
    assert (delivery.state, delivery.id, delivery.attempts) == (DeliveryState.DELIVERED, got.id, 1)
    office.pass_time()
    office.send()
    assert len(receiver.received) == 1


def test_a_failure_is_tried_again_with_the_same_id_and_body(office: Office, receiver: Receiver) -> None:
    hook = office.endpoint(receiver.url())
    receiver.answers = [(500, {}), (302, {"location": receiver.url(path="/else")}), (503, {"retry-after": "7200"})]
    office.finish()
    for _ in range(3):
        office.send()
        (delivery,) = office.deliveries(hook)
        waits = (delivery.next_at - datetime.now(UTC)).total_seconds()
        office.pass_time()
    assert 7100 < waits <= 7200
    office.send()
    first, *others = receiver.received
    assert len(others) == 3
    assert {(one.id, one.body, one.path) for one in others} == {(first.id, first.body, "/in")}
    assert [one.status for one in office.attempts(hook)] == [500, 302, 503, 204]


def test_a_courier_that_dies_between_answer_and_record_sends_the_same_id_again(
    office: Office, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    hook = office.endpoint(receiver.url())
    office.finish()
    with monkeypatch.context() as dying:
        dying.setattr(DeliveryStore, "record", lambda *_: (_ for _ in ()).throw(SystemError("killed")))
        office.send()
    assert len(receiver.received) == 1
    office.send()
    assert len(receiver.received) == 1  # leased to the dead
    office.pass_time()
    office.send()
    one, two = receiver.received
    assert (one.id, one.body) == (two.id, two.body)
    assert {delivery.state for delivery in office.deliveries(hook)} == {DeliveryState.DELIVERED}


def test_a_receiver_that_dies_after_answering_gets_the_same_id_again_on_request(
    office: Office, receiver: Receiver
) -> None:
    hook = office.endpoint(receiver.url())
    office.finish(2)
    office.send()
    assert len({got.id for got in receiver.received}) == 2
    (lost, other) = receiver.received
    office.log.replay(lost.id, hook, office.desk.tenant_id)
    office.send()
    assert (receiver.received[2].id, receiver.received[2].body) == (lost.id, lost.body)
    now = datetime.now(UTC)
    day = {"since": now - timedelta(days=1), "until": now + timedelta(days=1)}
    assert office.log.replay_range(hook, office.desk.tenant_id, **day, failed_only=False) == 2
    office.send()
    assert {got.id for got in receiver.received[3:]} == {lost.id, other.id}


def test_an_answer_that_breaks_off_after_its_status_counts(office: Office, receiver: Receiver) -> None:
    def die(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nthat")

    hook = office.endpoint(receiver.url())
    receiver.answers = [die]
    office.finish()
    office.send()
    assert [(one.status, one.answer) for one in office.attempts(hook)] == [(200, "that")]


def test_gone_ends_it(office: Office, receiver: Receiver) -> None:
    hook = office.endpoint(receiver.url())
    receiver.answers = [(410, {})]
    office.finish()
    office.send()
    assert office.webhooks.get(hook, office.desk.tenant_id).disabled_at is not None
    office.finish()
    office.pass_time()
    office.send()
    assert len(receiver.received) == 1


def test_a_breaker_stops_the_hammering_and_one_probe_ends_it(office: Office, receiver: Receiver) -> None:
    hook = office.endpoint(receiver.url())
    receiver.answers = [(500, {})] * FAILURES
    office.finish()
    for _ in range(FAILURES):
        office.send()
        office.pass_time()
    office.finish(6)
    office.send()
    assert len(receiver.received) == FAILURES
    with office.database.transaction() as connection:
        connection.execute(sa.update(webhook_endpoints).values(opened_until=db_now(-1)))
    entered, leave = threading.Event(), threading.Event()

    def slow(handler: BaseHTTPRequestHandler) -> None:
        entered.set()
        leave.wait(SECONDS)
        handler.send_response(200)
        handler.end_headers()

    receiver.answers = [slow]
    office.courier.turn()
    assert entered.wait(SECONDS)
    office.courier.turn()
    assert len(receiver.received) == FAILURES + 1
    leave.set()
    eventually(lambda: office.webhooks.get(hook, office.desk.tenant_id).failures == 0)
    eventually(lambda: office.courier.turn() == 0)
    office.await_state(hook, DeliveryState.DELIVERED)


def test_a_slow_receiver_blocks_no_other(office: Office, receiver: Receiver) -> None:
    leave = threading.Event()

    def slow(handler: BaseHTTPRequestHandler) -> None:
        leave.wait(60)

    with receiving() as quick:
        office.endpoint(receiver.url())
        receiver.answers = [slow] * 100
        office.finish(12)
        fast = office.endpoint(quick.url())
        office.finish(12)
        office.courier = office.new_courier(seconds=60)
        try:
            while {one.state for one in office.deliveries(fast)} != {DeliveryState.DELIVERED}:
                office.courier.turn()
            assert len(receiver.received) == 4  # as many at once as one endpoint gets
        finally:
            leave.set()


def test_two_couriers_send_nothing_twice(database: Database, receiver: Receiver) -> None:
    office = Office(database)
    hook = office.endpoint(receiver.url())
    office.finish(12)
    couriers = [office.new_courier() for _ in range(2)]
    while {one.state for one in office.deliveries(hook)} != {DeliveryState.DELIVERED}:
        threads = [threading.Thread(target=courier.turn) for courier in couriers]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    for courier in couriers:
        courier.close()
    assert len(receiver.received) == 12
    assert len({got.id for got in receiver.received}) == 12


def test_a_rotation_verifies_with_both_secrets(office: Office, receiver: Receiver) -> None:
    hook = office.webhooks.implicit(office.desk.tenant_id, receiver.url(), DEFAULT_EVENTS)
    (old,) = office.webhooks.secrets(DEFAULT, office.desk.tenant_id)
    new, _ = office.webhooks.rotate(DEFAULT, office.desk.tenant_id, keep_seconds=60)
    office.finish(webhook_id=hook)
    office.send()
    (got,) = receiver.received
    for secret in (old, new):
        assert Webhook(secret.text).verify(got.body, got.headers)["data"]["status"] == "succeeded"


def test_a_test_arrives(office: Office, receiver: Receiver) -> None:
    hook = office.endpoint(receiver.url())
    office.log.test(hook, office.desk.tenant_id, json.dumps({"type": "webhook.test", "data": {}}))
    office.send()
    assert json.loads(receiver.received[0].body)["type"] == "webhook.test"


def test_an_address_inside_is_logged_as_refused(office: Office, receiver: Receiver) -> None:
    strict = Courier(DeliveryStore(office.database), JobReader(office.database), Sender(AddressGuard()))
    hook = office.endpoint(f"https://localhost:{receiver.port}/")
    office.finish()
    strict.turn()
    strict.close()
    (attempt,) = office.attempts(hook)
    assert attempt.status is None
    assert "not public" in (attempt.error or "")
    assert receiver.received == []
