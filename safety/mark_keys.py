"""Keys of the watermark, derived from one secret text each."""

import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass, field

from safety.errors import MarkError

_SHORTEST_SECRET = 16
_TAG_BITS = 24


@dataclass(frozen=True, slots=True)
class MarkKey:
    """One key: a public name, a seed for where bits go, and a key for the tag that proves an id."""

    key_id: str
    layout_seed: bytes = field(repr=False)
    tag_key: bytes = field(repr=False)

    @classmethod
    def from_secret(cls, secret: str) -> "MarkKey":
        """Derive the three parts with HMAC-SHA-256. Raises MarkError when the secret is too short."""
        if len(secret) < _SHORTEST_SECRET:
            raise MarkError(
                f"A watermark secret has {len(secret)} characters; use {_SHORTEST_SECRET} random ones or more."
            )
        parts = [
            hmac.digest(secret.encode(), purpose, hashlib.sha256)
            for purpose in (b"inpaintd mark: key id", b"inpaintd mark: layout", b"inpaintd mark: tag")
        ]
        return cls(parts[0].hex()[:8], parts[1], parts[2])

    def tag(self, message: int) -> int:
        """24 bits that only this key gives for `message` (at most 64 bits)."""
        digest = hmac.digest(self.tag_key, message.to_bytes(8, "big"), hashlib.sha256)
        return int.from_bytes(digest[: _TAG_BITS // 8], "big")


@dataclass(frozen=True, slots=True)
class MarkKeys:
    """Keys in rotation: the first marks, all are recognized."""

    keys: tuple[MarkKey, ...]

    @classmethod
    def from_secret(cls, secret: str, retired: Sequence[str] = ()) -> "MarkKeys":
        """Keys of a secret and of `retired` ones. `secret` may itself hold several, separated by commas.

        Raises MarkError when any of them is shorter than 16 characters.
        """
        secrets = [part.strip() for part in secret.split(",")] + list(retired)
        return cls(tuple(MarkKey.from_secret(one) for one in secrets))
