"""A batch on the wire: answers come while lines go out, nothing waits for ever, and nothing answered is lost."""

from __future__ import annotations

import contextlib
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from producer.api import batch_body, outbox
from storage.batch import BatchStatus
from storage.job import JobState
from tests.contract.api.batching import body_of, send, uploaded, wire
from tests.contract.api.serving import Tenant, running
from tests.contract.api.test_bad_input import refused


@pytest.fixture
def lines(tenant: Tenant) -> list[dict[str, Any]]:
    """Sound lines."""
    own = uploaded(tenant)
    return [{**own, "prompt": f"a circle {n}"} for n in range(4)]


def eventually(tenant: Tenant, batch_id: str, status: BatchStatus) -> dict[str, Any]:
    """The batch once it has this status."""
    end = time.monotonic() + 20
    while (found := tenant.http.get(f"/v1/batches/{batch_id}").json())["status"] != status:
        assert time.monotonic() < end, found
        time.sleep(0.02)
    return dict(found)


def test_lines_are_answered_before_the_next_are_sent(tenant: Tenant, lines: list[dict[str, Any]]) -> None:
    with wire(tenant) as http:
        http.begin(tenant)
        http.write(body_of(lines[:2]))
        batch_id = http.headers()["location"].rpartition("/")[2]
        answers = http.answers()
        first = [next(answers) for _ in range(2)]
        assert tenant.http.get(f"/v1/jobs/{first[1]['job']['id']}").json()["status"] == "queued"
        assert tenant.http.get(f"/v1/batches/{batch_id}").json()["status"] == "open"
        http.write(body_of(lines[2:])[:-10])
        http.write(body_of(lines[2:])[-10:])
        http.end()
        rest = list(answers)
    assert [one["line"] for one in rest[:-1]] == [3, 4]
    assert rest[-1]["batch"]["status"] == "closed"


def test_who_hangs_up_loses_nothing_that_was_answered_and_can_go_on(
    tenant: Tenant, lines: list[dict[str, Any]]
) -> None:
    with wire(tenant) as http:
        http.begin(tenant, key="k")
        http.write(body_of(lines[:2]))
        batch_id = http.headers()["location"].rpartition("/")[2]
        answers = http.answers()
        told = [next(answers)["job"]["id"] for _ in range(2)]
        http.write(body_of(lines[2:])[:-30])
    closed = eventually(tenant, batch_id, BatchStatus.CLOSED)
    assert not closed["complete"]
    again = send(tenant, lines, key="k")
    assert again.jobs[:2] == told
    assert (again.batch["id"], again.batch["jobs"]["total"], again.batch["complete"]) == (batch_id, 4, True)


def test_who_listens_only_at_the_end_is_answered_all_the_same(tenant: Tenant) -> None:
    # More answers than the system keeps for a connection, each longer than its line.
    bad = body_of([{"image": "x", "output": {f"{n:0100}": 0 for n in range(32)}}])
    count = 1200
    with wire(tenant, receive_bytes=4096) as http:
        http.begin(tenant)
        for _ in range(0, count, 20):
            http.write(bad * 20)
        http.end()
        http.headers()
        *answers, last = http.answers()
    assert [one["line"] for one in answers] == list(range(1, count + 1))
    assert last["batch"]["lines"]["refused"] == count


def test_who_never_listens_is_let_go(tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbox, "MOST_BYTES", 100_000)
    monkeypatch.setattr(outbox, "STUCK_SECONDS", 0.2)
    with wire(tenant, receive_bytes=4096) as http:
        http.begin(tenant)
        http.write(b"\n")
        batch_id = http.headers()["location"].rpartition("/")[2]
        with contextlib.suppress(OSError):  # that it is cut off is not what this is about
            for _ in range(40):
                http.write((b"{" + b" " * 30 + b"\n") * 500)
        assert not eventually(tenant, batch_id, BatchStatus.CLOSED)["complete"]


def test_a_stalled_upload_is_given_up_and_says_so(
    tenant: Tenant, lines: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batch_body, "STALL_SECONDS", 0.4)
    with wire(tenant) as http:
        http.begin(tenant)
        http.write(body_of(lines[:1]) + b'{"image": ')
        http.headers()
        first, last = http.answers()
    assert first["status"] == 202
    assert last["error"]["code"] == "upload_stalled"
    assert (last["batch"]["complete"], last["batch"]["jobs"]["total"]) == (False, 1)


def test_a_trickle_is_given_up_too(tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch_body, "LONGEST_SECONDS", 0.3)
    with wire(tenant) as http:
        http.begin(tenant)
        http.write(b"{")
        http.headers()
        sender = threading.Thread(target=lambda: [(http.write(b" "), time.sleep(0.05)) for _ in range(12)])
        sender.start()
        (last,) = http.answers()
        sender.join()
    assert last["error"]["code"] == "upload_stalled"


def test_more_lines_than_a_batch_takes_are_not_read(
    tenant: Tenant, lines: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batch_body, "MAX_LINES", 2)
    monkeypatch.setattr(batch_body, "CHUNK_LINES", 2)
    answer = send(tenant, lines)
    assert answer.statuses == [202, 202]
    assert answer.last["error"]["code"] == "body_too_large"
    assert not answer.batch["complete"]


def test_canceling_stops_a_batch_that_is_being_sent(tenant: Tenant, lines: list[dict[str, Any]]) -> None:
    with wire(tenant) as http:
        http.begin(tenant)
        http.write(body_of(lines[:2]))
        batch_id = http.headers()["location"].rpartition("/")[2]
        answers = http.answers()
        assert [next(answers)["status"] for _ in range(2)] == [202, 202]
        assert tenant.http.post(f"/v1/batches/{batch_id}/cancel").json()["canceled"] == 2
        http.write(body_of(lines[2:]))
        http.end()
        (last,) = answers
    assert last["error"]["code"] == "batch_closed"
    assert last["batch"]["jobs"]["canceled"] == last["batch"]["jobs"]["total"] == 2


def test_whoever_sends_a_batch_last_has_it(tenant: Tenant, lines: list[dict[str, Any]]) -> None:
    with wire(tenant) as http:
        http.begin(tenant, key="k")
        http.write(body_of(lines[:1]))
        http.headers()
        answers = http.answers()
        first = next(answers)
        again = send(tenant, lines[:2], key="k")
        http.write(body_of(lines[1:]))
        http.end()
        (last,) = answers
    assert again.jobs[0] == first["job"]["id"]
    assert last["error"]["code"] == "batch_closed"
    assert last["batch"]["jobs"]["total"] == 2


def test_a_tenant_sends_two_batches_at_once_and_no_more(tenant: Tenant, stranger: Tenant) -> None:
    with wire(tenant) as one, wire(tenant) as other:
        for http in (one, other):
            http.begin(tenant)
            http.write(b"\n")
            http.headers()
        refusal = tenant.http.post("/v1/batches", headers={"Content-Type": "application/x-ndjson"})
        refused(refusal, 429, "too_many_requests")
        send(stranger, [])
        one.end()
        list(one.answers())
        send(tenant, [])


def test_a_body_beyond_the_limit_ends_the_batch(tmp_path: Path) -> None:
    limits = {"max_batch_bytes": 2_000, "max_body_bytes": 20_000}
    with running(tmp_path, **limits) as stack, (tenant := stack.tenant("acme")).http as http, wire(tenant) as sent:
        sound = body_of([{**uploaded(tenant), "prompt": "a red circle"}])
        announced = http.post("/v1/batches", content=sound * 20, headers={"Content-Type": "application/x-ndjson"})
        refused(announced, 413, "body_too_large")
        sent.begin(tenant)
        sent.write(sound)
        sent.headers()
        answers = sent.answers()
        assert next(answers)["status"] == 202
        sent.write(sound * 20)
        (last,) = answers
    assert last["error"]["code"] == "body_too_large"
    assert (last["batch"]["complete"], last["batch"]["jobs"]["total"]) == (False, 1)


def test_a_line_breaker_keeps_nothing_of_a_line_that_is_too_long() -> None:
    breaker = batch_body.LineBreaker(1000)
    for _ in range(100):
        assert breaker.push(b"x" * 1000) == []
        assert len(breaker._part) <= 1000
    assert breaker.push(b"\nshort\n" + b"y" * 1000 + b"\n" + b"z" * 1001) == [None, b"short", b"y" * 1000]
    assert breaker.last() == [None]


def test_a_job_that_was_canceled_with_its_batch_stays_so(tenant: Tenant, lines: list[dict[str, Any]]) -> None:
    answer = send(tenant, lines[:1], key="k")
    tenant.http.post(f"{answer.location}/cancel")
    again = send(tenant, lines, key="k")
    assert [one["job"]["status"] for one in again.lines] == [JobState.CANCELED, *[JobState.QUEUED] * 3]
