"""Signing secrets: how they are made, kept in a row, and turned. At most two of an endpoint are valid at once."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from storage.webhook import Secret

_BYTES, _FEWEST_BYTES = 32, 24


def new_secret() -> str:
    """`whsec_` and 32 random bytes in standard base64, whose alphabet has no `_` to be mistaken for the prefix's."""
    return f"whsec_{base64.b64encode(secrets.token_bytes(_BYTES)).decode()}"


def first() -> list[dict[str, Any]]:
    """What a row of a new endpoint holds."""
    return [{"text": new_secret(), "expires_at": None}]


def turned(stored: Sequence[dict[str, Any]], now: datetime, keep_seconds: float) -> list[dict[str, Any]]:
    """A new secret in front, the one before it valid for `keep_seconds` more, older ones gone."""
    until = now + timedelta(seconds=keep_seconds)
    return [*first(), {"text": stored[0]["text"], "expires_at": until.isoformat()}]


def valid(stored: Sequence[dict[str, Any]], now: datetime) -> tuple[Secret, ...]:
    """Those that sign at `now`, newest first; never none."""
    found = [Secret(item["text"], _moment(item["expires_at"])) for item in stored]
    return tuple(secret for secret in found if secret.expires_at is None or secret.expires_at > now)


def is_weak(stored: Sequence[dict[str, Any]]) -> bool:
    """Whether the newest secret has fewer bytes than Standard Webhooks asks for, or is no secret at all."""
    try:
        return len(base64.b64decode(stored[0]["text"].removeprefix("whsec_"), validate=True)) < _FEWEST_BYTES
    except ValueError:
        return True


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
