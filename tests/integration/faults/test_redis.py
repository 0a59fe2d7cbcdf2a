"""Redis emptied, killed, away, deaf or read-only: the API goes on answering 202 and every job ends."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from redis import Redis

from storage.broker import queue_of
from tests import servers
from tests.integration.faults.ward import Ward, body, eventually, open_ward
from tests.service import Service

# Above what an API that waited for Redis would take (2 s to connect), below what a busy machine takes without.
ANSWER_SECONDS = 1.9
JOBS = 3


class MortalRedis:
    """A Redis that can be killed and started again on the same port."""

    def __init__(self, folder: Path) -> None:
        self._folder, self.port = folder, servers.free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._stack = contextlib.ExitStack()
        self.start()

    def start(self) -> None:
        """Starts it, empty."""
        command, is_up = servers.redis_server(self._folder, self.port)
        self.process: subprocess.Popen[bytes] = self._stack.enter_context(
            servers.running(command, is_up, self._folder / "redis.log")
        )

    def kill(self) -> None:
        """As SIGKILL does it."""
        self._stack.close()

    def client(self) -> Redis:
        """A connection."""
        return Redis(port=self.port, socket_timeout=2)


@pytest.fixture(scope="module")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MortalRedis]:
    made = MortalRedis(tmp_path_factory.mktemp("mortal"))
    yield made
    made.process.send_signal(signal.SIGCONT)
    made.kill()


@dataclass(frozen=True)
class Shift:
    """What runs."""

    ward: Ward
    service: Service
    worker: subprocess.Popen[bytes]

    @contextlib.contextmanager
    def unheard(self, redis: MortalRedis) -> Iterator[list[str]]:
        """Jobs whose rings still lie in Redis: the worker sleeps until the end of the block and has none of them."""
        self.worker.send_signal(signal.SIGSTOP)
        try:
            with redis.client() as client:
                # Else Redis hands the first ring to the connection on which the worker waits.
                client.client_kill_filter(_type="normal", skipme=True)
                ids = submit_quickly(self.service)
                eventually(lambda: client.llen(queue_of("default")), 30, self.ward.log)
            yield ids
        finally:
            self.worker.send_signal(signal.SIGCONT)


@pytest.fixture(scope="module")
def running(
    tmp_path_factory: pytest.TempPathFactory,
    postgres: servers.Postgres,
    redis: MortalRedis,
    s3_server: servers.S3Server,
) -> Iterator[Shift]:
    """API and worker, and no keeper: nobody rings again, so that the worker has to look by itself."""
    opened = open_ward(tmp_path_factory.mktemp("redis_faults"), postgres, redis.url, s3_server)
    with opened as ward, ward.worker() as worker, ward.api() as (service, _):
        ward.await_end([service.submit(**body())["id"]])
        yield Shift(ward, service, worker)


def submit_quickly(service: Service) -> list[str]:
    """Jobs that were answered with 202 as if nothing were wrong: a submit that rang itself would wait each time."""
    ids, seconds = [], []
    for _ in range(JOBS):
        began = time.monotonic()
        ids.append(service.submit(**body())["id"])
        seconds.append(time.monotonic() - began)
    assert min(seconds) < ANSWER_SECONDS
    return ids


def test_emptied(running: Shift, redis: MortalRedis) -> None:
    with running.unheard(redis) as ids, redis.client() as client:
        client.flushall()
    running.ward.await_end(ids)


def test_killed_and_started_again(running: Shift, redis: MortalRedis) -> None:
    with running.unheard(redis) as ids:
        redis.kill()
        redis.start()
    running.ward.await_end(ids)
    rings_are_heard_again(running, redis)


def test_away_for_a_while(running: Shift, redis: MortalRedis) -> None:
    """For as long as the jobs take instead of a minute: nothing here waits for a time that a minute would exceed."""
    redis.kill()
    running.ward.await_end(submit_quickly(running.service))
    redis.start()
    rings_are_heard_again(running, redis)


def test_deaf(running: Shift, redis: MortalRedis) -> None:
    """A stopped Redis takes connections and bytes, and answers nothing: a black hole."""
    redis.process.send_signal(signal.SIGSTOP)
    try:
        running.ward.await_end(submit_quickly(running.service))
    finally:
        redis.process.send_signal(signal.SIGCONT)
    rings_are_heard_again(running, redis)


def test_read_only_after_a_failover(running: Shift, redis: MortalRedis) -> None:
    with redis.client() as client:
        client.replicaof("127.0.0.1", str(servers.free_port()))
        running.ward.await_end(submit_quickly(running.service))
        client.replicaof("NO", "ONE")
    rings_are_heard_again(running, redis)


def rings_are_heard_again(running: Shift, redis: MortalRedis) -> None:
    """The API rings and the worker answers, once Redis is well: what one leaves, the other takes."""
    heard: list[str] = []

    def heard_one() -> bool:
        heard.append(running.service.submit(**body())["id"])
        with redis.client() as client:
            return bool(client.info("commandstats").get("cmdstat_lpush")) and client.llen(queue_of("default")) == 0

    eventually(heard_one, 30, running.ward.log)
    running.ward.await_end(heard)
