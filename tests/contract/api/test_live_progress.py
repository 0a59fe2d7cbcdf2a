"""Live progress through a real Redis, which may go away: progress is then lost, and nothing else."""

from __future__ import annotations

import socket
import subprocess
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from producer import live, pulse
from producer.api import event_stream, waiting
from storage.job import Job
from storage.lease_store import LeaseStore
from storage.live import Live, channel_of, to_message
from tests import servers
from tests.contract.api.serving import Stack, Tenant, claim, photo, result_of, running
from tests.contract.api.test_scopes import statements
from tests.streams import Reading, reading


@dataclass
class House:
    """A service with a Redis of its own that can be ended and started again."""

    stack: Stack
    folder: Path
    port: int
    process: subprocess.Popen[bytes] | None = None

    def start_redis(self) -> None:
        command, is_up = servers.redis_server(self.folder, self.port)
        with (self.folder / "redis.log").open("ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log)
        servers._await(self.process, is_up, self.folder / "redis.log")

    def kill_redis(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def publish(self, job: Job, step: int, preview: str | None = None) -> int:
        """Says how far `job` is, as a worker would; returns how many processes heard it."""
        with Redis(port=self.port) as redis:
            return int(redis.publish(channel_of(job.id), to_message(Live(job.attempt, step, 30, preview))))

    def await_listeners(self, job: Job, count: int = 1) -> None:
        """Returns once `count` processes hear of `job`."""
        with Redis(port=self.port) as redis:
            for _ in range(2000):
                if dict(redis.pubsub_numsub(channel_of(job.id)))[channel_of(job.id).encode()] == count:
                    return
                threading.Event().wait(0.005)
        raise AssertionError("nobody listens")


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    folder, port = tmp_path_factory.mktemp("house"), servers.free_port()
    with running(folder, redis_url=f"redis://127.0.0.1:{port}/0") as stack:
        made = House(stack, folder, port)
        made.start_redis()
        yield made
    made.kill_redis()


@pytest.fixture
def tenant(house: House, request: pytest.FixtureRequest) -> Iterator[Tenant]:
    tenant = house.stack.tenant(request.node.name)
    with tenant.http:
        yield tenant


@pytest.fixture(autouse=True)
def _sql_is_slow(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that whatever is told in these tests within their time came through Redis or was hinted at by it."""
    monkeypatch.setattr(event_stream, "LOOK_SECONDS", 3600.0)
    monkeypatch.setattr(waiting, "LOOK_SECONDS", 3600.0)
    monkeypatch.setattr(pulse, "HEARING_SECONDS", 3600.0)
    monkeypatch.setattr(live, "TROUBLE_SECONDS", 0.05)


@contextmanager
def watched(house: House, tenant: Tenant) -> Iterator[tuple[Job, Reading]]:
    """A running job with a stream that is being heard."""
    job = claim(house.stack.services, tenant.accepted()["id"])
    with reading(tenant, job.id) as stream:
        stream.until("progress")
        house.await_listeners(job)
        yield job, stream


def end(house: House, job: Job) -> None:
    services = house.stack.services
    assert services.jobs.succeed(job, result_of(services, job, photo()))


def test_each_step_is_told_as_it_is_done(house: House, tenant: Tenant) -> None:
    with watched(house, tenant) as (job, stream):
        for step in (1, 2, 29):
            assert house.publish(job, step) == 1
            (progress,) = stream.until_step(step)
            assert progress.data == {"type": "progress", "job": job.id, "attempt": 1, "step": step, "steps": 30}
            assert progress.id == ""
        end(house, job)
        with Redis(port=house.port) as redis:
            redis.publish(channel_of(job.id), to_message(None))
        assert [message.type for message in stream] == ["job.succeeded"], "at once, although SQL is not looked into"


def test_a_start_that_redis_tells_of_first_is_told_in_order(house: House, tenant: Tenant) -> None:
    job = tenant.accepted()
    with reading(tenant, job["id"]) as stream:
        stream.until("job.queued")
        started = claim(house.stack.services, job["id"])
        house.await_listeners(started)
        house.publish(started, 1)
        told = stream.until_step(1)
        assert told[0].type == "job.started"


def test_two_tenants_hear_of_their_own_jobs_only(house: House, tenant: Tenant) -> None:
    other = house.stack.tenant("somebody else")
    with other.http, watched(house, tenant) as (job, stream), watched(house, other) as (their_job, their_stream):
        for step in (3, 4):
            house.publish(job, step)
            house.publish(their_job, 10 + step)
        mine, theirs = stream.until_step(4), their_stream.until_step(14)
        assert {message.data["job"] for message in mine} == {job.id}
        assert {message.data["job"] for message in theirs} == {their_job.id}


def test_a_preview_passes_with_the_step_it_came_with_or_a_later_one(house: House, tenant: Tenant) -> None:
    with watched(house, tenant) as (job, stream):
        house.publish(job, 5, "data:image/png;base64,AAAA")
        house.publish(job, 6)
        told = stream.until_step(6)
        assert [message.data.get("preview") for message in told if "preview" in message.data] == [
            "data:image/png;base64,AAAA"
        ]


def test_a_redis_that_dies_costs_progress_only_and_one_that_comes_back_is_heard(
    house: House, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    with watched(house, tenant) as (job, stream), watched(house, tenant) as (other, other_stream):
        house.publish(job, 7)
        stream.until_step(7)
        house.kill_redis()
        try:
            monkeypatch.setattr(event_stream, "LOOK_SECONDS", 0.02)
            with reading(tenant, job.id) as late:
                assert late.until("job.started")
                end(house, job)
                assert late.until("job.succeeded")
        finally:
            house.start_redis()
        house.await_listeners(other)
        house.publish(other, 9)
        assert other_stream.until_step(9)[-1].data["step"] == 9


@contextmanager
def long_poll(tenant: Tenant, job: Job) -> Iterator[Future[dict[str, Any]]]:
    """A poll that fails unless it is answered long before its time is up."""
    with ThreadPoolExecutor(1) as pool:
        yield pool.submit(lambda: tenant.http.get(f"/v1/jobs/{job.id}?wait=60", timeout=20).raise_for_status().json())


def test_a_long_poll_is_woken_by_what_other_processes_do(house: House, tenant: Tenant) -> None:
    job = claim(house.stack.services, tenant.accepted()["id"])
    with long_poll(tenant, job) as answer:
        house.await_listeners(job)
        end(house, job)
        assert answer.result()["status"] == "succeeded"


def test_a_long_poll_whose_caller_has_gone_ends(house: House, tenant: Tenant) -> None:
    job = claim(house.stack.services, tenant.accepted()["id"])
    with socket.create_connection(("127.0.0.1", int(tenant.stack.url.rpartition(":")[2]))) as caller:
        head = f"GET /v1/jobs/{job.id}?wait=60 HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {tenant.key}\r\n\r\n"
        caller.sendall(head.encode())
        house.await_listeners(job)
    house.await_listeners(job, 0)


def test_while_redis_is_away_one_look_serves_all_waiters(house: House, tenant: Tenant) -> None:
    job = claim(house.stack.services, tenant.accepted()["id"])
    house.kill_redis()
    try:
        leases = LeaseStore(house.stack.services.database)
        with (
            statements(house.stack) as seen,
            long_poll(tenant, job) as one,
            long_poll(tenant, job) as other,
            reading(tenant, job.id) as stream,
        ):
            for step in (5, 6, 7):
                leases.beat("tests", {(job.id, job.attempt): step})
                stream.until_step(step)
            reads = [statement for statement in seen if "jobs.params" in statement]
            assert len(reads) <= 3, "each looks once at its job, and then all of them share one look"
            end(house, job)
            assert one.result()["status"] == other.result()["status"] == "succeeded"
            assert stream.until("job.succeeded")
    finally:
        house.start_redis()


def test_a_connection_that_went_deaf_is_replaced(house: House, tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    """A line that is stopped in the middle says nothing, not even that it is broken."""
    monkeypatch.setattr(live, "SILENCE_SECONDS", 0.2)
    with watched(house, tenant) as (job, stream), Redis(port=house.port) as redis:
        redis.execute_command("CLIENT", "PAUSE", 1000)
        before = {client["id"] for client in redis.client_list() if client["sub"] != "0"}
        for _ in range(1000):
            now = {client["id"] for client in redis.client_list() if client["sub"] != "0"}
            if now and not now & before:
                break
            threading.Event().wait(0.01)
        house.await_listeners(job)
        house.publish(job, 11)
        assert stream.until_step(11)


def test_a_slow_caller_gets_the_newest_and_holds_no_memory(house: House, tenant: Tenant) -> None:
    preview = "x" * 50_000
    with watched(house, tenant) as (job, stream):
        for step in range(1, 401):  # 20 MB, of which the caller takes nothing
            house.publish(job, step, preview)
        house.publish(job, 1000)
        told = stream.until_step(1000)
        assert len(told) < 200


def test_a_caller_that_takes_nothing_any_more_is_let_go(
    house: House, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_stream, "STUCK_SECONDS", 0.2)
    preview = "x" * 50_000
    with watched(house, tenant) as (job, _):
        step = 0
        while step < 2000 and house.publish(job, step := step + 1, preview):
            pass
        house.await_listeners(job, 0)


def test_who_hangs_up_is_not_listened_for(house: House, tenant: Tenant) -> None:
    with watched(house, tenant) as (job, stream):
        stream.answer.close()
        house.await_listeners(job, 0)
    with Redis(port=house.port) as redis:
        for _ in range(1000):
            if not [client for client in redis.client_list() if client["sub"] != "0"]:
                return
            threading.Event().wait(0.01)
    raise AssertionError("while nobody watches no connection is held")
