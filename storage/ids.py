"""Identifiers that carry their kind and sort by the time they were made."""

from __future__ import annotations

import secrets
import threading
import time

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_lock = threading.Lock()
_last = 0


def new_id(kind: str) -> str:
    """`<kind>_` and 26 Crockford base-32 digits: 48 bits of milliseconds, then 82 random bits.

    Ids made by one process are strictly increasing, also within a millisecond.
    """
    global _last
    fresh = (time.time_ns() // 1_000_000) << 82 | secrets.randbits(82)
    with _lock:
        # Adding a random stride keeps later ids of the same millisecond unguessable.
        _last = fresh if fresh > _last else _last + 1 + secrets.randbits(64)
        value = _last
    return _written(kind, value)


def id_at(kind: str, epoch: float) -> str:
    """The smallest id that a machine could make `epoch` seconds after 1970; the ends of time where it lies beyond."""
    return _written(kind, min(max(int(epoch * 1000), 0), (1 << 48) - 1) << 82)


def _written(kind: str, value: int) -> str:
    digits = [_ALPHABET[(value >> shift) & 31] for shift in range(125, -1, -5)]
    return f"{kind}_{''.join(digits)}"
