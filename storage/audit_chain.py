"""How records become columns and columns become a chain. Pure: no database.

A column's text is a salt of 32 hex digits and JSON. What enters the chain of it is its SHA-256, its commitment. So a
column can be erased, and the chain still verifies; the salt goes with it, so that nobody can guess what it was.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from storage.audit_tables import CLASSES

GENESIS = "0" * 64
_SALT_BYTES = 16


def pack(value: Any) -> str | None:
    """The text of a column that holds this JSON; None for None. Raises ValueError for what is no JSON, such as NaN."""
    return None if value is None else secrets.token_hex(_SALT_BYTES) + _JSON(value)


def unpack(text: str | None) -> Any:
    """The JSON in a column's text; None where there is none."""
    return None if text is None else json.loads(text[2 * _SALT_BYTES :])


def commitments_of(columns: Mapping[str, str | None]) -> dict[str, str | None]:
    """By column, the SHA-256 of its text; None where it is empty."""
    return {name: None if (text := columns[name]) is None else _sha256(text) for name in CLASSES}


def hash_of(subject: str, record_id: str, at: datetime, commitments: Mapping[str, str | None], previous: str) -> str:
    """What identifies a record together with all before it: `previous` is the hash of the one before, or GENESIS."""
    told = {"subject": subject, "id": record_id, "at": at.isoformat(), "columns": commitments, "previous": previous}
    return _sha256(json.dumps(told, sort_keys=True, separators=(",", ":")))


_JSON = json.JSONEncoder(separators=(",", ":"), allow_nan=False).encode


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
