"""The client follows a job's events, and goes on where a stream broke."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from producer import client_events, client_retries
from producer.api import event_stream, event_views
from producer.client import Client
from producer.client_errors import ServiceRefused, ServiceUnreachable
from producer.client_types import Event
from tests.contract.api.serving import Tenant, claim, finish, mask, photo, result_of


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_stream, "LOOK_SECONDS", 0.02)
    monkeypatch.setattr(client_events, "PAUSE_SECONDS", 0.0)
    monkeypatch.setattr(client_retries.time, "sleep", lambda _: None)


def types(events: Iterator[Event]) -> list[str]:
    return [event["type"] for event in events if event["type"] != "progress"]


def test_a_job_is_followed_to_its_end(client: Client, tenant: Tenant) -> None:
    job = client.submit(photo(), mask(), "a red circle")
    events = client.events(job["id"])
    assert next(events)["type"] == "job.queued"
    finish(tenant.stack.services, job["id"], photo())
    assert types(events) == ["job.started", "job.succeeded"]
    assert types(client.events(job["id"])) == ["job.queued", "job.started", "job.succeeded"]


def test_who_knows_all_is_told_nothing(client: Client, tenant: Tenant) -> None:
    job = client.submit(photo(), mask(), "a red circle")
    finish(tenant.stack.services, job["id"], photo())
    *_, last = client.events(job["id"])
    assert list(client.events(job["id"], last["id"])) == []


class Breaking:
    """Ends the first streams with an error after so many lines each, and notes where each began."""

    def __init__(self, client: Client, monkeypatch: pytest.MonkeyPatch, *lines: int) -> None:
        self.began: list[str | None] = []
        self._left = list(lines)
        through = client._http.send

        def send(request: httpx.Request, **options: Any) -> httpx.Response:
            self.began.append(request.headers.get("Last-Event-ID"))
            answer = through(request, **options)
            if self._left:
                monkeypatch.setattr(answer, "iter_lines", lambda: self._some(answer, self._left.pop(0)))
            return answer

        monkeypatch.setattr(client._http, "send", send)

    @staticmethod
    def _some(answer: httpx.Response, count: int) -> Iterator[str]:
        lines = httpx.Response.iter_lines(answer)
        for _ in range(count):
            yield next(lines)
        raise httpx.ReadError("the connection broke")


def test_a_stream_that_breaks_goes_on_without_gap_or_repetition(
    client: Client, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = client.submit(photo(), mask(), "a red circle")
    running = claim(tenant.stack.services, job["id"])
    tenant.stack.services.jobs.succeed(running, result_of(tenant.stack.services, running, photo()))
    # The first break comes after job.queued, the second in the middle of job.started.
    line = Breaking(client, monkeypatch, 6, 3)
    events = list(client.events(job["id"]))
    assert types(iter(events)) == ["job.queued", "job.started", "job.succeeded"]
    assert line.began == [None, events[0]["id"], events[0]["id"]]


def test_a_service_that_is_gone_is_said_so(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    job = client.submit(photo(), mask(), "a red circle")
    events = client.events(job["id"])
    next(events)

    def away(*_: Any, **__: Any) -> httpx.Response:
        raise httpx.ConnectError("away")

    monkeypatch.setattr(client._http, "send", away)
    with pytest.raises(ServiceUnreachable):
        list(client.events(job["id"]))
    events.close()


def test_a_full_service_is_asked_again(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    job = client.submit(photo(), mask(), "a red circle")
    client.cancel(job["id"])
    full = [httpx.Response(503, headers={"Retry-After": "1"}), httpx.Response(429)]
    through = client._http.send
    monkeypatch.setattr(client._http, "send", lambda *a, **k: full.pop() if full else through(*a, **k))
    assert types(client.events(job["id"])) == ["job.queued", "job.canceled"]


def test_a_job_of_somebody_else_is_refused(client: Client) -> None:
    with pytest.raises(ServiceRefused) as refusal:
        next(client.events("job_00000000000000000000000000"))
    assert refusal.value.code == "job_not_found"


def test_the_client_knows_every_key_of_a_message() -> None:
    shown = event_views.EventView.model_fields | event_views.ProgressView.model_fields
    assert set(Event.__annotations__) == set(shown)
