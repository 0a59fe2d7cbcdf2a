"""Reading a stream of events as a caller does."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx

from tests.contract.api.serving import Tenant


@dataclass(frozen=True)
class Message:
    """One message; `id` is "" where it has none, and `data` is decoded."""

    type: str
    id: str
    data: dict[str, Any]


class Reading:
    """An open stream, read line by line."""

    def __init__(self, answer: httpx.Response) -> None:
        self.answer = answer
        self.comments: list[str] = []
        self.retry: list[str] = []
        self._lines = answer.iter_lines()

    def __iter__(self) -> Iterator[Message]:
        """The messages that are still to come, until the service ends the stream."""
        fields: dict[str, str] = {}
        for line in self._lines:
            name, _, value = line.partition(": ")
            if line.startswith(":"):
                self.comments.append(value)
            elif name == "retry":
                self.retry.append(value)
            elif name:
                fields[name] = value
            if not line and "data" in fields:
                yield Message(fields["event"], fields.get("id", ""), json.loads(fields["data"]))
                fields = {}

    def until(self, type: str) -> list[Message]:
        """The messages up to and with the first of this type."""
        read = []
        for message in self:
            read.append(message)
            if message.type == type:
                return read
        raise AssertionError(f"the stream ended after {read} without {type}")

    def until_step(self, step: int) -> list[Message]:
        """The messages up to and with the first progress that is `step` or further."""
        read = []
        for message in self:
            read.append(message)
            if message.type == "progress" and message.data["step"] >= step:
                return read
        raise AssertionError(f"the stream ended after {read} without step {step}")


@contextmanager
def reading(tenant: Tenant, job_id: str, last_event_id: str | None = None) -> Iterator[Reading]:
    """A stream of the job, which must open."""
    headers = {} if last_event_id is None else {"Last-Event-ID": last_event_id}
    with tenant.http.stream("GET", f"/v1/jobs/{job_id}/events", headers=headers) as answer:
        if answer.status_code != 200:
            answer.read()
            raise AssertionError(f"{answer.status_code} {answer.text}")
        yield Reading(answer)
