"""GET /v1/events: catching up."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from storage.feed import Feed
from tests.contract.api.serving import Stack, Tenant, claim
from tests.contract.api.test_bad_input import refused


@pytest.fixture(autouse=True)
def _no_lag(stack: Stack) -> Iterator[None]:
    feed: Any = stack.services.feed
    assert isinstance(feed, Feed)
    before, feed._lag_seconds = feed._lag_seconds, -1.0
    yield
    feed._lag_seconds = before


def page(tenant: Tenant, **query: Any) -> dict[str, Any]:
    answer = tenant.http.get("/v1/events", params=query)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_a_reader_catches_up_page_by_page(tenant: Tenant, stranger: Tenant) -> None:
    assert page(tenant) == {"object": "list", "data": [], "last": None, "has_more": False}
    jobs = [tenant.accepted()["id"] for _ in range(3)]
    stranger.accepted()
    first = page(tenant, limit=2)
    assert ([event["job"] for event in first["data"]], first["has_more"]) == (jobs[:2], True)
    second = page(tenant, after=first["last"])
    assert ([event["job"] for event in second["data"]], second["has_more"]) == (jobs[2:], False)
    assert page(tenant, after=second["last"]) == {
        "object": "list", "data": [], "last": second["last"], "has_more": False
    }  # fmt: skip


def test_events_say_the_same_as_the_stream_of_the_job(tenant: Tenant) -> None:
    job_id = tenant.accepted()["id"]
    tenant.http.post(f"/v1/jobs/{job_id}/cancel")
    told = tenant.http.get(f"/v1/jobs/{job_id}/events").text
    events = page(tenant)["data"]
    assert [event["type"] for event in events] == ["job.queued", "job.canceled"]
    assert all(f'"id":"{event["id"]}"' in told for event in events)


def test_types_can_be_chosen(tenant: Tenant) -> None:
    job_id = tenant.accepted()["id"]
    tenant.accepted()
    tenant.http.post(f"/v1/jobs/{job_id}/cancel")
    found = page(tenant, type=["job.canceled", "batch.finished"])
    assert [event["type"] for event in found["data"]] == ["job.canceled"]


def test_it_waits_for_an_event(tenant: Tenant) -> None:
    last = page(tenant, since="2000-01-01T00:00:00Z")["last"]
    answers: list[dict[str, Any]] = []
    waiter = threading.Thread(target=lambda: answers.append(page(tenant, wait=30, type="job.started")))
    waiter.start()
    claim(tenant.stack.services, tenant.accepted()["id"])
    waiter.join()
    assert last is None
    assert [event["type"] for event in answers[0]["data"]] == ["job.started"]


def test_an_event_of_somebody_else_or_nobody_is_unknown(tenant: Tenant, stranger: Tenant) -> None:
    stranger.accepted()
    theirs = page(stranger)["last"]
    for after in (theirs, f"evt_{'0' * 26}", "evt_", "\0"):
        refused(tenant.http.get("/v1/events", params={"after": after}), 404, "event_not_found")


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ({"limit": 0}, "out_of_range"),
        ({"limit": 1001}, "out_of_range"),
        ({"afther": "x"}, "field_unknown"),
        ({"type": "job"}, "wrong_format"),
        ({"since": "2026-01-01"}, "wrong_format"),
        ({"since": "2026-01-01T00:00:00Z", "after": f"evt_{'0' * 26}"}, "wrong_format"),
    ],
)
def test_what_cannot_be_meant_is_refused(tenant: Tenant, query: dict[str, Any], code: str) -> None:
    refused(tenant.http.get("/v1/events", params=query), 422, code)
