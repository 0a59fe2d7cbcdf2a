"""verify_webhook and the standard's own library agree on what is signed."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from producer.client import verify_webhook
from producer.client.errors import ClientMisconfigured, WebhookRefused
from producer.webhooks.signing import signed_headers
from storage.webhook_secrets import new_secret

BODY = json.dumps({"type": "job.succeeded", "timestamp": "2026-01-02T03:04:05.678Z", "data": {"id": "job_x"}}).encode()
OLD, NEW = new_secret(), new_secret()


def headers(*secrets: str, at: float = 0.0, body: bytes = BODY) -> dict[str, str]:
    """As a delivery carries them that was signed `at` seconds from now."""
    return signed_headers("dlv_1", int(time.time() + at), body, secrets)


def test_what_we_sign_is_believed_here_and_by_the_standards_own_library() -> None:
    assert verify_webhook(NEW, headers(NEW), BODY)["data"] == {"id": "job_x"}
    assert Webhook(NEW).verify(BODY, headers(NEW)) == json.loads(BODY)


def test_what_the_standards_own_library_signs_is_believed_here() -> None:
    now = datetime.now(UTC)
    signature = Webhook(NEW).sign("msg_1", now, BODY.decode())
    theirs = {"Webhook-Id": "msg_1", "Webhook-Timestamp": str(int(now.timestamp())), "Webhook-Signature": signature}
    assert verify_webhook(NEW, theirs, BODY)["type"] == "job.succeeded"


def test_while_secrets_turn_either_does_and_so_do_several() -> None:
    both = headers(NEW, OLD)
    for known in (NEW, OLD, [OLD, new_secret()]):
        assert verify_webhook(known, both, BODY)
    assert verify_webhook([OLD, NEW], headers(NEW), BODY)


@pytest.mark.parametrize(
    ("changed", "body", "words"),
    [
        ({}, BODY + b" ", "No signature fits"),
        ({"webhook-id": "dlv_2"}, BODY, "No signature fits"),
        (lambda: {"webhook-timestamp": str(int(time.time()) - 3)}, BODY, "No signature fits"),
        ({"webhook-signature": "v1,"}, BODY, "No signature fits"),
        ({"webhook-signature": "v1a,ääää"}, BODY, "No signature fits"),
        ({"webhook-timestamp": "soon"}, BODY, "clock"),
        ({"webhook-timestamp": "9" * 5000}, BODY, "clock"),
        (lambda: headers(NEW, at=-600), BODY, "clock"),
        (lambda: headers(NEW, at=600), BODY, "clock"),
    ],
)
def test_what_is_not_ours_is_refused_as_by_the_standards_own_library(
    changed: dict[str, str] | Callable[[], dict[str, str]], body: bytes, words: str
) -> None:
    # What depends on the clock is made now: the suite may run for longer than a signature is good.
    wrong = headers(NEW) | (changed() if callable(changed) else changed)
    with pytest.raises(WebhookRefused, match=words):
        verify_webhook(NEW, wrong, body)
    with pytest.raises(WebhookVerificationError):
        Webhook(NEW).verify(body, wrong)


def test_a_secret_that_is_none_is_said_so() -> None:
    with pytest.raises(ClientMisconfigured, match="whsec_"):
        verify_webhook("whsec_not base64", headers(NEW), BODY)


@pytest.mark.parametrize("missing", ["webhook-id", "webhook-timestamp", "webhook-signature"])
def test_a_missing_header_is_named(missing: str) -> None:
    kept = {name: value for name, value in headers(NEW).items() if name != missing}
    with pytest.raises(WebhookRefused, match=missing):
        verify_webhook(NEW, kept, BODY)


def test_tolerance_is_the_callers() -> None:
    assert verify_webhook(NEW, headers(NEW, at=-900), BODY, tolerance=1000)
