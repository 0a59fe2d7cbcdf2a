"""GET /v1/jobs/{id}/events without Redis: what counts comes from SQL."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from producer.api import event_stream
from storage.database import Database
from storage.errors import DatabaseUnavailable
from storage.lease_store import LeaseStore
from tests.contract.api.serving import Stack, Tenant, claim, finish, photo, result_of, running
from tests.streams import Message, reading


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_stream, "LOOK_SECONDS", 0.02)


def types(messages: list[Message]) -> list[str]:
    return [message.type for message in messages if message.type != "progress"]


def test_a_job_is_told_from_its_first_event_to_its_last(tenant: Tenant) -> None:
    job = tenant.accepted()
    with reading(tenant, job["id"]) as stream:
        (queued,) = stream.until("job.queued")
        running_job = claim(tenant.stack.services, job["id"])
        started = stream.until("job.started")[-1]
        tenant.stack.services.jobs.succeed(running_job, result_of(tenant.stack.services, running_job, photo()))
        rest = list(stream)
    assert types(rest) == ["job.succeeded"]
    assert stream.retry == ["2000"]
    assert started.data["id"] == started.id
    assert (started.data["type"], started.data["job"], started.data["attempt"]) == ("job.started", job["id"], 1)
    assert queued.id.startswith("evt_")
    assert {"at", "data"} < set(started.data)


def test_a_running_job_shows_its_last_beat(tenant: Tenant) -> None:
    job = claim(tenant.stack.services, tenant.accepted()["id"])
    with reading(tenant, job.id) as stream:
        assert stream.until("progress")[-1].data["step"] == 0
        LeaseStore(tenant.stack.services.database).beat("tests", {(job.id, job.attempt): 5})
        (progress,) = stream.until_step(1)
    assert progress.id == ""
    assert progress.data == {"type": "progress", "job": job.id, "attempt": 1, "step": 5, "steps": 30}


def test_a_caller_goes_on_after_the_last_event_it_saw(tenant: Tenant) -> None:
    job = tenant.accepted()
    with reading(tenant, job["id"]) as stream:
        (queued,) = stream.until("job.queued")
    finish(tenant.stack.services, job["id"], photo())
    with reading(tenant, job["id"], queued.id) as stream:
        later = list(stream)
    assert types(later) == ["job.started", "job.succeeded"]
    answer = tenant.http.get(f"/v1/jobs/{job['id']}/events", headers={"Last-Event-ID": later[-1].id})
    assert (answer.status_code, answer.content) == (204, b""), "or a browser would connect for ever"


@pytest.mark.parametrize("strange", ["evt_00000000000000000000000000", "job_x", "%00", "x" * 2000])
def test_an_event_that_is_not_the_jobs_means_from_the_start(tenant: Tenant, strange: str) -> None:
    job = tenant.accepted()
    finish(tenant.stack.services, job["id"], photo())
    with reading(tenant, job["id"], strange) as stream:
        assert types(list(stream)) == ["job.queued", "job.started", "job.succeeded"]


def test_a_blocked_request_is_a_short_story(tenant: Tenant) -> None:
    job = tenant.accepted(prompt="naked child")
    assert job["status"] == "blocked"
    with reading(tenant, job["id"]) as stream:
        assert types(list(stream)) == ["job.blocked"]


def test_nothing_between_the_caller_and_the_service_may_keep_it(tenant: Tenant) -> None:
    with reading(tenant, tenant.accepted()["id"]) as stream:
        headers = stream.answer.headers
    assert headers["content-type"] == "text/event-stream; charset=utf-8"
    assert (headers["cache-control"], headers["x-accel-buffering"]) == ("no-store", "no")


def test_silence_is_broken_by_a_comment(tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_stream, "HEARTBEAT_SECONDS", 0.05)
    job = tenant.accepted()
    with reading(tenant, job["id"]) as stream:
        stream.until("job.queued")
        canceling = threading.Timer(0.4, lambda: tenant.stack.services.jobs.cancel(job["id"], tenant.id))
        canceling.start()
        assert types(list(stream)) == ["job.canceled"]
        canceling.join()
    assert len(stream.comments) >= 2


def test_what_happens_to_one_tenant_is_nobody_elses_to_see(tenant: Tenant, stranger: Tenant) -> None:
    job = tenant.accepted()
    theirs = stranger.http.get(f"/v1/jobs/{job['id']}/events")
    missing = stranger.http.get("/v1/jobs/job_00000000000000000000000000/events")
    assert theirs.status_code == missing.status_code == 404
    assert theirs.json()["code"] == missing.json()["code"] == "job_not_found"


def test_it_takes_a_key_that_may_read(tenant: Tenant) -> None:
    job = tenant.accepted()
    path = f"{tenant.stack.url}/v1/jobs/{job['id']}/events"
    assert httpx.get(path).json()["code"] == "key_missing"
    writer = tenant.stack.services.keys.create_key(tenant.id, ["submit"])
    assert httpx.get(path, headers={"Authorization": f"Bearer {writer}"}).json()["code"] == "scope_missing"


def test_a_job_names_its_stream(tenant: Tenant) -> None:
    job = tenant.accepted()
    assert job["links"]["events"] == f"/v1/jobs/{job['id']}/events"


def test_it_is_declared(tenant: Tenant) -> None:
    document = tenant.http.get("/openapi.json").json()
    assert {"EventView", "ProgressView"} <= set(document["components"]["schemas"])
    operation = document["paths"]["/v1/jobs/{job_id}/events"]["get"]
    assert "text/event-stream" in operation["responses"]["200"]["content"]
    assert {"200", "204", "404", "429", "503"} <= set(operation["responses"])
    assert "Last-Event-ID" in [parameter["name"] for parameter in operation["parameters"]]


@pytest.fixture
def narrow(tmp_path: Path) -> Iterator[Stack]:
    """A service that holds three streams, two for any one tenant."""
    with running(tmp_path, max_streams=3, max_tenant_streams=2) as stack:
        yield stack


def test_streams_are_bounded_for_a_tenant_and_for_a_process(narrow: Stack) -> None:
    callers = [narrow.tenant(name) for name in ("a", "b")]
    jobs = [caller.accepted()["id"] for caller in callers]
    (a, b), (of_a, of_b) = callers, jobs
    with reading(a, of_a), reading(a, of_a) as second:
        refused = a.http.get(f"/v1/jobs/{of_a}/events")
        assert (refused.status_code, refused.json()["code"]) == (429, "too_many_requests")
        with reading(b, of_b):
            full = b.http.get(f"/v1/jobs/{of_b}/events")
            assert (full.status_code, full.json()["code"]) == (503, "streams_full")
            assert int(full.headers["retry-after"]) >= 1 <= int(refused.headers["retry-after"])
        second.answer.close()
        assert opens(a, of_a), "a caller that left has made room"
    for caller in callers:
        caller.http.close()


def opens(tenant: Tenant, job_id: str) -> bool:
    """Whether a stream opens, tried for a while: the service learns of a hang-up a moment later."""
    for _ in range(200):
        with tenant.http.stream("GET", f"/v1/jobs/{job_id}/events") as answer:
            if answer.status_code == 200:
                return True
    return False


def test_a_stop_ends_streams_at_once_and_properly(tmp_path: Path) -> None:
    ended = threading.Event()
    with running(tmp_path) as stack:
        tenant = stack.tenant("a")
        job = tenant.accepted()

        def read() -> None:
            with reading(tenant, job["id"]) as stream:
                list(stream.until("job.queued"))
                opened.set()
                list(stream)  # raises unless the service ends the stream in form
            ended.set()

        opened = threading.Event()
        reader = threading.Thread(target=read)
        reader.start()
        assert opened.wait(10)
    reader.join(10)
    assert ended.is_set()
    tenant.http.close()


def test_a_database_that_is_away_for_a_moment_ends_no_stream(tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    job = tenant.accepted()
    failed = threading.Semaphore(0)

    def fail(*_: object) -> None:
        failed.release()
        raise DatabaseUnavailable("away")

    with reading(tenant, job["id"]) as stream:
        stream.until("job.queued")
        with monkeypatch.context() as away:
            away.setattr(Database, "reading", fail)
            assert failed.acquire(timeout=10)
            assert failed.acquire(timeout=10)
        tenant.stack.services.jobs.cancel(job["id"], tenant.id)
        assert types(list(stream)) == ["job.canceled"]
