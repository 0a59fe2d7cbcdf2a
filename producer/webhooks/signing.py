"""Signatures as of Standard Webhooks v1 (https://www.standardwebhooks.com): HMAC-SHA256 of `id.timestamp.body`."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Sequence

PREFIX = "whsec_"


def signed_headers(delivery_id: str, timestamp: int, body: bytes, secrets: Sequence[str]) -> dict[str, str]:
    """The three headers of one attempt at `timestamp`, in whole seconds: one signature for each secret, newest first.

    A receiver that knows any one of the secrets can verify, which is what makes rotation possible.
    """
    return {
        "webhook-id": delivery_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(signatures(delivery_id, timestamp, body, secrets)),
    }


def signatures(delivery_id: str, timestamp: int, body: bytes, secrets: Sequence[str]) -> list[str]:
    """The signature of one attempt by each of `secrets`."""
    content = f"{delivery_id}.{timestamp}.".encode() + body
    return [_signature(content, secret) for secret in secrets]


def _signature(content: bytes, secret: str) -> str:
    key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    return f"v1,{base64.b64encode(hmac.digest(key, content, hashlib.sha256)).decode()}"
