"""A strike as the rest of the house speaks of it: what is on record of a request that was refused."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Strike:
    """`cause` says what was refused, `words` and `picture` are the request's imprint, which holds no text.

    `age_seconds` is by the database's clock. `user` is a pseudonym, None where the tenant named no end-user.
    """

    job_id: str
    tenant_id: str
    user: str | None
    weight: float
    cause: str
    rule: str
    severity: int
    words: str
    picture: str
    age_seconds: float
    lifted_at: datetime | None = None
    lifted_why: str | None = None


@dataclass(frozen=True, slots=True)
class Gate:
    """Asked in the transaction that would store a request: may its end-user come in?

    `seconds_to_wait` is told the end-user's newest strikes, `limit` at most and none older than `window_seconds`; 0
    lets the request in. So requests that come at the same moment cannot all slip in before the strike of the first.
    """

    window_seconds: float
    limit: int
    seconds_to_wait: Callable[[Sequence[Strike]], float]
