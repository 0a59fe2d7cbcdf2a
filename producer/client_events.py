"""A job's events as the client reads them: a stream that goes on where it broke, until the job has ended."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable, Iterable, Iterator
from typing import cast

import httpx

from producer.client_types import Event

# Three of the service's heartbeats.
SILENCE_SECONDS = 45.0
PAUSE_SECONDS = 1.0
_ENDS = ("job.succeeded", "job.failed", "job.blocked", "job.canceled", "job.expired")


def follow_events(connect: Callable[[str | None], httpx.Response], last_event_id: str | None) -> Iterator[Event]:
    """Every event after the id `last_event_id`, or from the start, up to the job's last, and progress between them.

    `connect(last_event_id)` opens the stream, or raises. One that breaks is opened again, for as long as it can be.
    """
    while True:
        with contextlib.closing(connect(last_event_id)) as answer, contextlib.suppress(httpx.TransportError):
            if answer.status_code == httpx.codes.NO_CONTENT:
                return
            for event in _messages(answer.iter_lines()):
                last_event_id = event.get("id", last_event_id)
                yield event
                if event["type"] in _ENDS:
                    return
        time.sleep(PAUSE_SECONDS)


def _messages(lines: Iterable[str]) -> Iterator[Event]:
    """The data of each whole message; every field of this service's messages stands in it, so no other line counts."""
    data: list[str] = []
    for line in lines:
        if line.startswith("data:"):
            data.append(line.removeprefix("data:"))
        elif not line and data:
            yield cast(Event, json.loads("\n".join(data)))
            data = []
