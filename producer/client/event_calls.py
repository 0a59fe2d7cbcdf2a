"""Calls about what happened: a job's stream, which goes on where it broke, and the feed of all jobs."""

from __future__ import annotations

import contextlib
import json

import httpx

from producer.client.answers import fetch, open_stream
from producer.client.job_calls import path_of
from producer.client.steps import Emit, NextLine, Pause, Steps, request
from producer.client.types import Event, EventPage

# Three of the service's heartbeats.
SILENCE_SECONDS = 45.0
PAUSE_SECONDS = 1.0
_ENDS = ("job.succeeded", "job.failed", "job.blocked", "job.canceled", "job.expired")


def events(job_id: str, last_event_id: str | None = None) -> Steps[None]:
    """What happened to the job and what happens from now on, until it has ended, and how far it is meanwhile.

    A stream that breaks is opened again and goes on where it was. To go on in another process, pass the `id` of
    the last event that had one. Raises ServiceRefused and ServiceUnreachable.
    """
    while True:
        headers = {} if last_event_id is None else {"Last-Event-ID": last_event_id}
        asked = request("GET", f"{path_of(job_id)}/events", headers=headers, timeout=SILENCE_SECONDS)
        answer = yield from open_stream(asked)
        if answer.status_code == httpx.codes.NO_CONTENT:
            return
        with contextlib.suppress(httpx.TransportError):
            while (event := (yield from _next_message())) is not None:
                last_event_id = event.get("id", last_event_id)
                yield Emit(event)
                if event["type"] in _ENDS:
                    return
        yield Pause(PAUSE_SECONDS)


def feed(
    after: str | None = None, *, since: str | None = None, types: tuple[str, ...] = (), limit: int = 100, wait: int = 0
) -> Steps[EventPage]:
    """What happened to all jobs of the tenant, oldest first, a page of it. Send `last` as `after` for what comes next.

    `since` (RFC 3339) begins at that time instead. With `wait` (0 to 60 seconds), an empty page waits for an event.
    """
    query = {"after": after, "since": since, "type": list(types), "limit": limit, "wait": wait}
    query = {name: value for name, value in query.items() if value not in (None, [])}
    return (yield from fetch(EventPage, "GET", "/v1/events", slack=wait, params=query))


def _next_message() -> Steps[Event | None]:
    """The data of the next whole message; every field of this service's messages stands in it, so no other line counts.

    None at the end of the stream. Raises httpx.TransportError.
    """
    data: list[str] = []
    while (line := (yield NextLine())) is not None:
        if line.startswith("data:"):
            data.append(line.removeprefix("data:"))
        elif not line and data:
            event: Event = json.loads("\n".join(data))
            return event
    return None
