"""Names of end-users, so that abuse can be traced to one of them without storing who it is."""

from __future__ import annotations

import hashlib
import hmac

PREFIX = "usr_"


def pseudonym(secret: str, tenant_id: str, user: str) -> str:
    """`usr_` and 32 hex digits: HMAC-SHA256 of tenant and user under `secret`, cut to 128 bits.

    The same user of another tenant gets another pseudonym.
    """
    digest = hmac.new(secret.encode(), f"{tenant_id}\0{user}".encode(), hashlib.sha256)
    return f"{PREFIX}{digest.hexdigest()[:32]}"


def known_as(secret: str, tenant_id: str, named: str) -> str:
    """The pseudonym of an end-user who is `named` as the tenant does, or by the pseudonym itself."""
    return named if named.startswith(PREFIX) else pseudonym(secret, tenant_id, named)
