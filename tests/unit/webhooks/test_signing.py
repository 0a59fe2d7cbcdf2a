"""Signatures, held against the reference client of Standard Webhooks."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook

from producer.webhooks.sender import seconds_to_wait
from producer.webhooks.signing import signed_headers
from storage import webhook_secrets

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


@given(body=st.text(), made=st.datetimes(min_value=datetime(2000, 1, 1), max_value=datetime(2100, 1, 1)))  # noqa: DTZ001
def test_the_reference_client_signs_alike(body: str, made: datetime) -> None:
    at, secret = made.replace(tzinfo=UTC, microsecond=0), webhook_secrets.new_secret()
    headers = signed_headers("dlv_1", int(at.timestamp()), body.encode(), [secret])
    assert headers["webhook-signature"] == Webhook(secret).sign("dlv_1", at, body)
    assert headers["webhook-timestamp"] == str(int(at.timestamp()))


def test_secrets_are_long_different_and_plain_base64() -> None:
    secrets = [webhook_secrets.new_secret() for _ in range(200)]
    assert len(set(secrets)) == 200
    assert all(len(secret) == len("whsec_") + 44 and secret.count("_") == 1 and "-" not in secret for secret in secrets)


def test_at_most_two_secrets_are_valid_and_never_none() -> None:
    stored = webhook_secrets.first()
    for _ in range(3):
        stored = webhook_secrets.turned(stored, NOW, 60)
    assert len(webhook_secrets.valid(stored, NOW)) == 2
    assert len(webhook_secrets.valid(stored, NOW + timedelta(seconds=60))) == 1


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0),
        ("120", 120),
        ("Sun, 22 Nov 2026 12:02:00 GMT", 120),
        ("Sun, 22 Nov 2026 11:00:00 GMT", 0),
        ("-5", None),
        ("soon", None),
        ("", None),
        ("\u0663", None),
    ],
)
def test_retry_after_is_a_number_or_a_date(text: str, seconds: float | None) -> None:
    assert seconds_to_wait(text, NOW) == seconds
