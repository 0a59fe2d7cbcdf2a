"""/v1/events: what happened to all jobs of the tenant, for whoever was away."""

from __future__ import annotations

import asyncio
import re
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from fastapi.concurrency import run_in_threadpool
from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from producer.api.auth import MayRead
from producer.api.dependencies import ServicesDep
from producer.api.event_views import EventView, event_view
from producer.api.problems import declared
from producer.api.queries import UtcTime, Wait
from storage.errors import EventNotFound
from storage.feed import FeedPage

router = APIRouter(prefix="/v1/events", tags=["events"])

EVENT_ID = re.compile(r"evt_[0-9a-z]{26}")
PAUSE_SECONDS = 0.5
EventType = Annotated[str, Field(pattern=r"^(job|batch)\.[a-z_]{1,30}$")]


class FeedQuery(BaseModel):
    """Of GET /v1/events."""

    model_config = ConfigDict(extra="forbid")

    after: Annotated[str, Field(max_length=40)] | None = Field(
        None, description="`last` of the page before, or the `id` of an event: go on after it."
    )
    since: UtcTime | None = Field(None, description="Instead of `after`: begin at this time. RFC 3339, with a zone.")
    type: Annotated[list[EventType], Field(max_length=20)] = Field(
        [], description="Only events of these types; repeat it for several."
    )
    limit: Annotated[int, Field(ge=1, le=1000)] = Field(100, description="Events a page.")
    wait: Wait = Field(0, description="Seconds to wait for an event where there is none yet.")

    @model_validator(mode="after")
    def _one_beginning(self) -> FeedQuery:
        if self.after is not None and self.since is not None:
            raise PydanticCustomError("wrong_format", "Send either `after` or `since`.")
        return self


class EventPage(BaseModel):
    """Events, oldest first. Send `last` as `after` for what comes next, also when `data` is empty."""

    object: Literal["list"] = "list"
    data: list[EventView]
    last: str | None = Field(description="Where the next page begins. Null: nothing has happened yet.")
    has_more: bool = Field(description="True: more is there already. False: ask again later, or with `wait`.")


_CODES = ("event_not_found", "field_unknown", "out_of_range", "wrong_format", "wrong_type", "wrong_length")


@router.get("", responses=declared(*_CODES), summary="Catch up with events")
async def page(
    request: Request, query: Annotated[FeedQuery, Query()], principal: MayRead, services: ServicesDep
) -> EventPage:
    """Every event of every job of yours, oldest first, each exactly once: keep `last` and send it as `after`.

    Events appear here about a second after they happened, in an order into which nothing is put in later. To begin
    with the present instead of the first event ever, send `since` once.
    """
    loop = asyncio.get_running_loop()
    until = loop.time() + query.wait
    found = await run_in_threadpool(_read, services, principal.tenant_id, query)
    while not found.events and loop.time() < until and not await request.is_disconnected():
        await asyncio.sleep(0 if found.has_more else min(PAUSE_SECONDS, max(0.0, until - loop.time())))
        query = query.model_copy(update=_onwards(found))
        found = await run_in_threadpool(_read, services, principal.tenant_id, query)
    last = found.last or query.after
    return EventPage(data=[event_view(event) for event in found.events], last=last, has_more=found.has_more)


def _onwards(found: FeedPage) -> dict[str, Any]:
    return {} if found.last is None else {"after": found.last, "since": None}


def _read(services: Any, tenant_id: str, query: FeedQuery) -> FeedPage:
    # Anything else cannot be an event, and some of it (NUL) a database does not even take as a question.
    if query.after is not None and not EVENT_ID.fullmatch(query.after):
        raise EventNotFound(query.after)
    page: FeedPage = services.feed.page(
        tenant_id, after=query.after, since=query.since, types=query.type, limit=query.limit
    )
    return page
