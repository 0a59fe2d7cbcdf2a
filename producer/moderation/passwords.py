"""Passwords of moderators, hashed by Argon2id with the parameters that argon2-cffi takes from RFC 9106."""

from __future__ import annotations

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from argon2.low_level import ARGON2_VERSION

from producer.errors import ProducerError

MIN_CHARS, MAX_CHARS = 12, 256
_hasher = PasswordHasher()
# Checked where there is no account, so that an unknown name takes as long as a wrong password. It is 32 zeros, the hash
# of no password: to make a real one would take a third of the time in which the API starts.
_COST = f"m={_hasher.memory_cost},t={_hasher.time_cost},p={_hasher.parallelism}"
_NOBODY = f"$argon2id$v={ARGON2_VERSION}${_COST}${'A' * 22}${'A' * 43}"


class PasswordRefused(ProducerError):
    """The password is too short or too long to be set."""


def hashed(password: str) -> str:
    """The hash to keep, in PHC form. Raises PasswordRefused."""
    if not MIN_CHARS <= len(password) <= MAX_CHARS:
        raise PasswordRefused(f"A password has {MIN_CHARS} to {MAX_CHARS} characters; this one has {len(password)}.")
    return _hasher.hash(password)


def fits(password: str, kept: str | None) -> bool:
    """Whether the password is the one of this hash; without one, the same time is spent on saying no."""
    try:
        return _hasher.verify(kept or _NOBODY, password[:MAX_CHARS]) and kept is not None
    except (VerificationError, InvalidHashError):
        return False
