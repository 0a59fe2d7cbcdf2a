"""The client follows a job's events, and goes on where a stream broke."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from producer.api import event_stream
from producer.client.errors import ServiceRefused, ServiceUnreachable
from producer.client.types import Event
from tests.contract.api.serving import Tenant, claim, finish, mask, photo, result_of
from tests.contract.client.either import Either, Line


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_stream, "LOOK_SECONDS", 0.02)


def types(events: Iterator[Event]) -> list[str]:
    return [event["type"] for event in events if event["type"] != "progress"]


def test_a_job_is_followed_to_its_end(client: Either, tenant: Tenant) -> None:
    job = client.submit(photo(), mask(), "a red circle")
    events = client.events(job["id"])
    assert next(events)["type"] == "job.queued"
    finish(tenant.stack.services, job["id"], photo())
    assert types(events) == ["job.started", "job.succeeded"]
    assert types(client.events(job["id"])) == ["job.queued", "job.started", "job.succeeded"]


def test_who_knows_all_is_told_nothing(client: Either, tenant: Tenant) -> None:
    job = client.submit(photo(), mask(), "a red circle")
    finish(tenant.stack.services, job["id"], photo())
    *_, last = client.events(job["id"])
    assert list(client.events(job["id"], last["id"])) == []


def test_a_stream_that_breaks_goes_on_without_gap_or_repetition(
    client: Either, tenant: Tenant, pauses: list[float]
) -> None:
    job = client.submit(photo(), mask(), "a red circle")
    running = claim(tenant.stack.services, job["id"])
    tenant.stack.services.jobs.succeed(running, result_of(tenant.stack.services, running, photo()))
    # The first break comes after job.queued, the second in the middle of job.started.
    line = Line(client)
    line.breaks = [6, 3]
    events = list(client.events(job["id"]))
    assert types(iter(events)) == ["job.queued", "job.started", "job.succeeded"]
    began = [request.headers.get("Last-Event-ID") for request in line.seen]
    assert began == [None, events[0]["id"], events[0]["id"]]


def test_a_service_that_is_gone_is_said_so(client: Either, pauses: list[float]) -> None:
    job = client.submit(photo(), mask(), "a red circle")
    events = client.events(job["id"])
    next(events)

    Line(client, [httpx.ConnectError] * 99)
    with pytest.raises(ServiceUnreachable):
        list(client.events(job["id"]))
    events.close()


def test_a_full_service_is_asked_again(client: Either, pauses: list[float]) -> None:
    job = client.submit(photo(), mask(), "a red circle")
    client.cancel(job["id"])
    Line(client, [503, 429], **{"Retry-After": "1"})
    assert types(client.events(job["id"])) == ["job.queued", "job.canceled"]


def test_a_job_of_somebody_else_is_refused(client: Either) -> None:
    with pytest.raises(ServiceRefused) as refusal:
        next(client.events("job_00000000000000000000000000"))
    assert refusal.value.code == "job_not_found"


def test_whoever_was_away_catches_up_with_every_job(client: Either) -> None:
    jobs = [client.submit(photo(), mask(), "x", seed=n)["id"] for n in range(2)]
    seen: list[str | None] = []
    after = None
    while len(seen) < len(jobs):
        page = client.feed(after, types=("job.queued",), limit=1, wait=10)
        seen += [event["job"] for event in page["data"]]
        after = page["last"]
    assert sorted(seen) == sorted(jobs)
