"""For whoever receives webhooks: is this one from the service, untouched and fresh?"""

from __future__ import annotations

import hmac
import json
import time
from collections.abc import Mapping, Sequence
from typing import cast

from producer.client.errors import ClientMisconfigured, WebhookRefused
from producer.client.webhook_types import WebhookEvent
from producer.webhooks.signing import signatures

TOLERANCE_SECONDS = 300.0
_MOST_DIGITS = 12


def verify_webhook(
    secret: str | Sequence[str],
    headers: Mapping[str, str],
    body: bytes,
    *,
    tolerance: float = TOLERANCE_SECONDS,
) -> WebhookEvent:
    """The event in `body`, once it is proven to be signed with `secret`, or one of several, as of Standard Webhooks.

    `body` is the bytes as they came. The time in the headers must be within `tolerance` seconds of this machine's.
    Answer 2xx, and remember `webhook-id`: the same delivery may come again. Raises WebhookRefused, and
    ClientMisconfigured for a secret that is none.
    """
    found = {name.lower(): value for name, value in headers.items()}
    try:
        delivery, at, given = (found[f"webhook-{name}"] for name in ("id", "timestamp", "signature"))
    except KeyError as missing:
        raise WebhookRefused(f"The header {missing} is missing; hand over the headers as they came.") from None
    if not (at.isascii() and at.isdigit() and len(at) <= _MOST_DIGITS) or abs(time.time() - int(at)) > tolerance:
        message = f"It was signed at {at}, more than {tolerance:g} s from now; see that this machine's clock is right."
        raise WebhookRefused(message)
    secrets = [secret] if isinstance(secret, str) else secret
    check_secrets(secrets)
    if not _is_any(signatures(delivery, int(at), body, secrets), given.split()):
        message = "No signature fits; use the secret of this endpoint, and the bytes of the body as they came."
        raise WebhookRefused(message)
    return cast(WebhookEvent, json.loads(body))


def check_secrets(secrets: Sequence[str]) -> None:
    """Raises ClientMisconfigured for what is no secret."""
    try:
        signatures("", 0, b"", secrets)
    except ValueError:
        raise ClientMisconfigured("A secret of a webhook is `whsec_` and base64; copy the whole of it.") from None


def _is_any(expected: Sequence[str], given: Sequence[str]) -> bool:
    return any(hmac.compare_digest(ours.encode(), theirs.encode()) for ours in expected for theirs in given)
