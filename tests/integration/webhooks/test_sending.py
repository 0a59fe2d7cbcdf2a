"""One attempt against a real receiver: where it connects, what it sends, and what it puts up with."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from producer.outbound.addresses import AddressGuard
from producer.webhooks.sender import MAX_ANSWER_BYTES, Sender
from storage.webhook_secrets import new_secret
from tests.integration.webhooks.receiver import Receiver, receiving
from tests.tls import certificate

BODY = json.dumps({"type": "job.succeeded", "data": {"prompt": "ein großer Kreis"}}).encode()
SECRETS = (new_secret(), new_secret())
LOCAL = "127.0.0.1"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


def sender(*listed: str, seconds: float = 10.0) -> Sender:
    return Sender(AddressGuard(listed or [LOCAL]), seconds=seconds)


def test_a_receiver_verifies_with_either_secret_during_a_rotation(receiver: Receiver) -> None:
    outcome = sender().send(receiver.url(path="/in?a=1"), "dlv_1", BODY, SECRETS)
    assert (outcome.status, outcome.error, outcome.is_success) == (204, None, True)
    (got,) = receiver.received
    for secret in SECRETS:
        assert Webhook(secret).verify(got.body, got.headers) == json.loads(BODY)
    with pytest.raises(WebhookVerificationError):
        Webhook(new_secret()).verify(got.body, got.headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(SECRETS[0]).verify(got.body + b" ", got.headers)
    assert (got.path, got.id, got.body) == ("/in?a=1", "dlv_1", BODY)
    assert got.headers["content-type"] == "application/json"
    assert got.headers["user-agent"].startswith("inpaintd/")
    assert got.headers["host"] == f"127.0.0.1:{receiver.port}"


@pytest.mark.parametrize("host", [LOCAL, "localhost", "[::1]"])
def test_nothing_inside_is_reached_unless_it_is_listed(receiver: Receiver, host: str) -> None:
    outcome = Sender(AddressGuard()).send(receiver.url(host), "dlv_1", BODY, SECRETS)
    assert outcome.status is None
    outcome = sender("10.0.0.0/8").send(receiver.url(host).replace("http:", "https:"), "dlv_1", BODY, SECRETS)
    assert outcome.error is not None
    assert "not public" in outcome.error
    assert receiver.received == []


def test_a_name_that_changes_its_address_is_held_to_the_one_that_was_checked(receiver: Receiver) -> None:
    """DNS rebinding: the second answer would lead elsewhere, but nobody asks a second time."""
    answers = [[LOCAL], ["10.0.0.1"], ["10.0.0.1"]]
    asked: list[str] = []

    def resolver(host: str, _port: int) -> list[str]:
        asked.append(host)
        return answers.pop(0)

    rebinding = Sender(AddressGuard([LOCAL], resolver), seconds=10)
    url = receiver.url("rebinding.example")
    assert rebinding.send(url, "dlv_1", BODY, SECRETS).is_success
    assert asked == ["rebinding.example"]
    refused = rebinding.send(url, "dlv_1", BODY, SECRETS)
    assert refused.error == "rebinding.example leads to an address that is not public"
    assert receiver.received[0].headers["host"] == f"rebinding.example:{receiver.port}"


def test_an_address_that_does_not_answer_is_passed_over_for_the_next(receiver: Receiver) -> None:
    guard = AddressGuard(["127.0.0.0/8"], lambda *_: ["127.0.0.2", LOCAL])
    assert Sender(guard, seconds=10).send(receiver.url("two.example"), "dlv_1", BODY, SECRETS).is_success


def test_a_redirect_is_not_followed(receiver: Receiver) -> None:
    receiver.answers = [(302, {"location": receiver.url(path="/elsewhere")})]
    outcome = sender().send(receiver.url(), "dlv_1", BODY, SECRETS)
    assert (outcome.status, outcome.is_success) == (302, False)
    assert "redirects are not followed" in (outcome.error or "")
    assert len(receiver.received) == 1


def test_an_answer_without_end_is_cut_off(receiver: Receiver) -> None:
    hung_up = threading.Event()

    def endless(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.end_headers()
        try:
            while True:
                handler.wfile.write(b"x" * 65_536)
        except OSError:
            hung_up.set()
            raise

    receiver.answers = [endless]
    outcome = sender().send(receiver.url(), "dlv_1", BODY, SECRETS)
    assert outcome.is_success
    assert outcome.answer == "x" * MAX_ANSWER_BYTES
    assert hung_up.wait(10)


def test_headers_without_end_are_cut_off(receiver: Receiver) -> None:
    def endless(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\n")
        while True:
            handler.wfile.write(b"a: b\r\n" * 1000)

    receiver.answers = [endless]
    outcome = sender().send(receiver.url(), "dlv_1", BODY, SECRETS)
    assert outcome.status is None
    assert outcome.error is not None


def test_a_receiver_that_drips_meets_the_deadline(receiver: Receiver) -> None:
    def drip(handler: BaseHTTPRequestHandler) -> None:
        for letter in b"HTTP/1.1 200 OK and never mind the rest of it, which takes very long":
            handler.wfile.write(bytes([letter]))
            time.sleep(0.1)

    receiver.answers = [drip]
    outcome = sender(seconds=0.6).send(receiver.url(), "dlv_1", BODY, SECRETS)
    assert outcome.status is None
    assert "too long" in (outcome.error or "") or "timed out" in (outcome.error or "")
    assert 500 < outcome.milliseconds < 3000


def test_a_receiver_that_hangs_up_or_is_not_there_is_a_failure(receiver: Receiver) -> None:
    receiver.answers = [lambda _: None]
    hung_up = sender().send(receiver.url(), "dlv_1", BODY, SECRETS)
    assert (hung_up.status, hung_up.is_success) == (None, False)
    nobody = sender().send("http://127.0.0.1:1/", "dlv_1", BODY, SECRETS)
    assert nobody.error is not None
    assert "Connect" in nobody.error


def test_a_name_that_does_not_resolve_is_a_failure() -> None:
    def nowhere(*_: object) -> list[str]:
        raise OSError("Name or service not known")

    outcome = Sender(AddressGuard([], nowhere)).send("https://nowhere.example/", "dlv_1", BODY, SECRETS)
    assert outcome.error == "the name does not resolve: Name or service not known"


def test_the_wish_to_wait_is_read(receiver: Receiver) -> None:
    receiver.answers = [(503, {"retry-after": "120"})]
    assert sender().send(receiver.url(), "dlv_1", BODY, SECRETS).retry_after == 120


def test_certificates_are_checked_against_the_name_of_the_url(tmp_path: Path) -> None:
    server, client = certificate(tmp_path, "hooks.example")
    guard = AddressGuard([LOCAL], lambda *_: [LOCAL])
    with receiving(server) as receiver:
        trusting = Sender(guard, seconds=10, tls=client)
        assert trusting.send(receiver.url("hooks.example"), "dlv_1", BODY, SECRETS).is_success
        impostor = trusting.send(receiver.url("other.example"), "dlv_1", BODY, SECRETS)
        unknown = Sender(guard, seconds=10).send(receiver.url("hooks.example"), "dlv_1", BODY, SECRETS)
        for outcome in (impostor, unknown):
            assert outcome.status is None
            assert "CERTIFICATE_VERIFY_FAILED" in (outcome.error or "")
        assert len(receiver.received) == 1
