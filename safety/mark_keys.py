"""Keys of the watermark: sixteen derived from each secret text, used in turn."""

import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass, field

from safety.errors import MarkError

_SHORTEST_SECRET = 16
_TAG_BITS = 24
KEYS = 16
"""How many keys a secret gives. With one alone, the mean of a few results would show the mark."""


@dataclass(frozen=True, slots=True)
class MarkKey:
    """One key: a public name, a seed for where bits go, and a key for the tag that proves an id."""

    key_id: str
    layout_seed: bytes = field(repr=False)
    tag_key: bytes = field(repr=False)

    def tag(self, message: int) -> int:
        """24 bits that only this key gives for `message` (at most 64 bits)."""
        digest = hmac.digest(self.tag_key, message.to_bytes(8, "big"), hashlib.sha256)
        return int.from_bytes(digest[: _TAG_BITS // 8], "big")


@dataclass(frozen=True, slots=True)
class KeyRing:
    """What one secret gives: the seed of the sync signs that its marks share, and KEYS keys."""

    sync_seed: bytes = field(repr=False)
    keys: tuple[MarkKey, ...]

    @classmethod
    def from_secret(cls, secret: str) -> "KeyRing":
        """Derive all parts with HMAC-SHA-256. Raises MarkError when the secret is too short."""
        if len(secret) < _SHORTEST_SECRET:
            raise MarkError(
                f"A watermark secret has {len(secret)} characters; use {_SHORTEST_SECRET} random ones or more."
            )
        ring_id = _derived(secret, "key id").hex()[:8]
        keys = (
            MarkKey(f"{ring_id}-{n:x}", _derived(secret, f"layout {n}"), _derived(secret, f"tag {n}"))
            for n in range(KEYS)
        )
        return cls(_derived(secret, "sync"), tuple(keys))


@dataclass(frozen=True, slots=True)
class MarkKeys:
    """Key rings in rotation: those of the first mark, all are recognized."""

    rings: tuple[KeyRing, ...]

    @property
    def keys(self) -> tuple[MarkKey, ...]:
        """Every key, those that mark first."""
        return tuple(key for ring in self.rings for key in ring.keys)

    @classmethod
    def from_secret(cls, secret: str, retired: Sequence[str] = ()) -> "MarkKeys":
        """Keys of a secret and of `retired` ones. `secret` may itself hold several, separated by commas.

        Raises MarkError when any of them is shorter than 16 characters.
        """
        texts = [part.strip() for part in secret.split(",")] + list(retired)
        return cls(tuple(KeyRing.from_secret(one) for one in texts))


def _derived(secret: str, purpose: str) -> bytes:
    return hmac.digest(secret.encode(), f"inpaintd mark: {purpose}".encode(), hashlib.sha256)
