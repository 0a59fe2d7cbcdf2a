"""/v1/usage: what the tenant's jobs came to, day by day."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Literal

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from producer.api.auth import MayRead
from producer.api.dependencies import ServicesDep
from producer.api.problems import declared
from producer.errors import Refusal
from storage.job import TERMINAL
from storage.usage import Usage

router = APIRouter(prefix="/v1/usage", tags=["usage"])

MOST_DAYS = 366
USUAL_DAYS = 30
_CODES = ("field_unknown", "wrong_type", "wrong_format", "out_of_range")


class UsageQuery(BaseModel):
    """Of GET /v1/usage."""

    model_config = ConfigDict(extra="forbid")

    from_: date | None = Field(None, alias="from", description="First day, in UTC; unset: 30 days up to `to`.")
    to: date | None = Field(None, description="Last day, in UTC, itself included; unset: today.")


class JobCounts(BaseModel):
    """Jobs that ended, by final state."""

    succeeded: int = 0
    failed: int = 0
    blocked: int = 0
    canceled: int = 0
    expired: int = 0


class UsageView(BaseModel):
    """`unet_rows` is work that was done, also for jobs that were stopped. Jobs that share a GPU each count their own
    `gpu_seconds`, so that these may exceed the time that passed.
    """

    jobs: JobCounts
    images: int
    unet_rows: float
    gpu_seconds: float


class DayView(UsageView):
    """The usage of one day, in UTC: of the jobs that ended on it."""

    date: date


class FilesView(BaseModel):
    """Uploaded files that are stored now."""

    count: int
    bytes: int


class UsageReport(BaseModel):
    """Every day asked for, oldest first, and all of them together."""

    object: Literal["usage"] = "usage"
    days: list[DayView]
    total: UsageView
    files: FilesView


@router.get("", responses=declared(*_CODES), summary="Read your usage")
def read(query: Annotated[UsageQuery, Query()], principal: MayRead, services: ServicesDep) -> UsageReport:
    """By day in UTC, for a year at most. A job counts on the day on which it ended."""
    first, last = _span(query)
    days = services.usage.days(principal.tenant_id, first, last)
    total = Usage()
    for one in days.values():
        total.merge(one)
    count, size = services.usage.stored_files(principal.tenant_id)
    views = [DayView(date=day, **_view(one).model_dump()) for day, one in sorted(days.items())]
    return UsageReport(days=views, total=_view(total), files=FilesView(count=count, bytes=size))


def _span(query: UsageQuery) -> tuple[date, date]:
    last = query.to or datetime.now(UTC).date()
    first = query.from_ or max(date.min + timedelta(USUAL_DAYS), last) - timedelta(USUAL_DAYS - 1)
    if not 0 <= (last - first).days < MOST_DAYS or last == date.max:
        raise Refusal.of_field("from", "out_of_range", f"`from` to `to` must be 1 to {MOST_DAYS} days.")
    return first, last


def _view(usage: Usage) -> UsageView:
    counts = JobCounts(**{str(state): usage.jobs.get(state, 0) for state in TERMINAL})
    rows, seconds = round(usage.unet_rows, 2), round(usage.gpu_seconds, 3)
    return UsageView(jobs=counts, images=usage.images, unet_rows=rows, gpu_seconds=seconds)
