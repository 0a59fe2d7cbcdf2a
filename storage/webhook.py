"""Webhooks as every package speaks of them: endpoints, deliveries and the log of attempts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from storage.batch import BATCH_FINISHED

# The default: what a caller waits for, and what a person must look at.
DEFAULT_EVENTS = (
    "job.blocked",
    "job.canceled",
    "job.expired",
    "job.failed",
    "job.held",
    "job.succeeded",
    "job.withdrawn",
)
EVENTS = (*DEFAULT_EVENTS, "job.started", BATCH_FINISHED)
TEST_EVENT = "webhook.test"
# Stands, where an endpoint's id is asked for, for every endpoint that a job's own `webhook_url` made.
DEFAULT = "default"


class DeliveryState(StrEnum):
    """Where a delivery stands. `failed` is final until somebody replays it."""

    PENDING = "pending"
    DELIVERED = "delivered"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Secret:
    """A signing secret, `whsec_` and base64; `expires_at` is set once a newer one has taken its place."""

    text: str
    expires_at: datetime | None


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a tenant wants events sent. `all_jobs` is False for one that a job's own `webhook_url` made."""

    id: str
    tenant_id: str
    url: str
    events: tuple[str, ...]
    all_jobs: bool
    failures: int
    opened_until: datetime | None
    disabled_at: datetime | None
    disabled_reason: str | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Delivery:
    """One event on its way to one endpoint. `id` is the `webhook-id`, the same in every attempt and replay."""

    id: str
    tenant_id: str
    endpoint_id: str
    event_id: str
    job_id: str | None
    type: str
    state: DeliveryState
    attempts: int
    next_at: datetime
    created_at: datetime
    delivered_at: datetime | None


@dataclass(frozen=True, slots=True)
class Claimed:
    """A delivery that the caller alone may send until its lease ends.

    `payload` is None before the first attempt; `happened_at` is the time of the event. `secrets` are all that are
    valid now, newest first. `is_wanted` is False when the endpoint was disabled or deleted in the meantime, `is_own`
    is True when the job itself named the URL. `batch_id` is that of an event of a batch, `trace` its job's.
    """

    delivery: Delivery
    url: str
    secrets: tuple[str, ...]
    payload: str | None
    happened_at: datetime
    is_wanted: bool
    is_own: bool
    batch_id: str | None = None
    trace: str | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one attempt: the receiver's `status`, or an `error` where there was no answer to speak of.

    `answer` is the beginning of the body. `retry_after` is what the receiver asked for, in seconds.
    """

    status: int | None
    error: str | None
    milliseconds: int
    answer: str = ""
    retry_after: float | None = None

    @property
    def is_success(self) -> bool:
        """Only 2xx is."""
        return self.status is not None and 200 <= self.status < 300

    @property
    def is_gone(self) -> bool:
        """410: the receiver wants nothing more, ever."""
        return self.status == 410


@dataclass(frozen=True, slots=True)
class Attempt:
    """A line of a delivery's log."""

    at: datetime
    status: int | None
    error: str | None
    milliseconds: int
    answer: str


def joined(events: Iterable[str]) -> str:
    """Event types as one column holds them, ",a,b,", so that SQL finds one of them with LIKE '%,a,%'."""
    return f",{','.join(sorted(set(events)))},"


def split(events: str) -> tuple[str, ...]:
    """The event types in such a column."""
    return tuple(events.strip(",").split(","))
