"""The fleet as an operator sees it: what waits, who works, what ended, who fails. Pure vocabulary."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Waiting:
    """Jobs in `state` (queued, running or held) of one model, priority and tenant.

    `cost` is their work in UNet rows; `oldest` is the age of the oldest of them, in seconds.
    """

    state: str
    model: str
    priority: str
    tenant: str
    count: int
    cost: float
    oldest: float


@dataclass(frozen=True, slots=True)
class Queue:
    """Everything that has not ended. Where it is not `whole`, there is more than was counted."""

    groups: tuple[Waiting, ...]
    whole: bool


@dataclass(frozen=True, slots=True)
class Worker:
    """A worker process that holds jobs now. `step` of `steps` counts over all of them.

    `lease_left` is how many seconds its earliest lease still lasts; `oldest` for how long its oldest job has run.
    """

    owner: str
    models: tuple[str, ...]
    jobs: int
    alone: int
    stopping: int
    step: int
    steps: int
    lease_left: float
    oldest: float


@dataclass(frozen=True, slots=True)
class Ended:
    """Jobs that ended `minute` whole minutes ago in one state, of one model and tenant; `cost` is in UNet rows."""

    minute: int
    state: str
    model: str
    tenant: str
    count: int
    cost: float


@dataclass(frozen=True, slots=True)
class Past:
    """What ended in the last `minutes` minutes: fewer than were asked for, where more ended than are counted."""

    ended: tuple[Ended, ...]
    minutes: int


@dataclass(frozen=True, slots=True)
class Failure:
    """A failed job; `count` jobs failed with its `code`."""

    code: str
    count: int
    job_id: str
    message: str
    retryable: bool
    model: str
    tenant: str
    attempts: int
    at: datetime


@dataclass(frozen=True, slots=True)
class TenantUse:
    """A tenant with its limits, where None is none, and whether it may submit; `warnings` that stand."""

    id: str
    name: str
    weight: float
    max_queued: int | None
    max_running: int | None
    requests_per_second: float | None
    suspended: bool
    warnings: int


@dataclass(frozen=True, slots=True)
class FailingEndpoint:
    """A webhook endpoint that fails or was disabled, how much waits for it, and what it answered last."""

    id: str
    tenant: str
    url: str
    failures: int
    opened_until: datetime | None
    disabled_at: datetime | None
    disabled_reason: str | None
    waiting: int
    last_at: datetime | None
    last_status: int | None
    last_error: str | None


@dataclass(frozen=True, slots=True)
class Overdue:
    """What a keeper should have done by now: `count` of it, the oldest for `seconds` seconds."""

    duty: str
    count: int
    seconds: float
