"""The 64 bits of a mark: 4 of version, 36 of id, 24 of a tag that only a key's holder can make."""

import hashlib
import hmac
import secrets

from safety.mark_keys import MarkKey

ID_BITS = 36
_TAG_BITS = 24
_VERSION = 2


def new_message(rng_seed: bytes | None) -> int:
    """Version and id; the id is random, or follows from `rng_seed`."""
    return _VERSION << ID_BITS | drawn_number(rng_seed, "id", 1 << ID_BITS)


def drawn_number(rng_seed: bytes | None, purpose: str, below: int) -> int:
    """A number from 0 to `below` less one, random or following from `rng_seed` and `purpose`."""
    if rng_seed is None:
        return secrets.randbelow(below)
    digest = hmac.digest(rng_seed, f"inpaintd mark: {purpose}".encode(), hashlib.sha256)
    return int.from_bytes(digest, "big") % below


def sealed(message: int, key: MarkKey) -> int:
    """The payload that says `message` under `key`."""
    return message << _TAG_BITS | key.tag(message)


def opened(payload: int, key: MarkKey) -> int | None:
    """The message of a payload, or None when `key` did not seal it: true by chance once in 2 ** 28 tries."""
    message, tag = payload >> _TAG_BITS, payload & ((1 << _TAG_BITS) - 1)
    return message if message >> ID_BITS == _VERSION and tag == key.tag(message) else None


def id_of(message: int) -> str:
    """The id as 9 hex digits."""
    return f"{message & ((1 << ID_BITS) - 1):0{ID_BITS // 4}x}"
