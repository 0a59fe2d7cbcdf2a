"""Redis emptied, killed, away, deaf or read-only: the API goes on answering 202 and every job ends."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import time
from collections.abc import Iterator
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


@pytest.fixture(scope="module")
def running(
    tmp_path_factory: pytest.TempPathFactory,
    postgres: servers.Postgres,
    redis: MortalRedis,
    s3_server: servers.S3Server,
) -> Iterator[tuple[Ward, Service]]:
    """API and worker, and no keeper: nobody rings again, so that the worker has to look by itself."""
    opened = open_ward(tmp_path_factory.mktemp("redis_faults"), postgres, redis.url, s3_server)
    with opened as ward, ward.worker(), ward.api() as (service, _):
        ward.await_end([service.submit(**body())["id"]])
        yield ward, service


def submit_quickly(service: Service) -> list[str]:
    """Jobs that were each answered with 202 as if nothing were wrong."""
    ids = []
    for _ in range(JOBS):
        began = time.monotonic()
        ids.append(service.submit(**body())["id"])
        assert time.monotonic() - began < ANSWER_SECONDS
    return ids


def test_emptied(running: tuple[Ward, Service], redis: MortalRedis) -> None:
    ward, service = running
    ids = []
    for _ in range(3):
        ids += submit_quickly(service)
        redis.client().flushall()
    ward.await_end(ids)


def test_killed_and_started_again(running: tuple[Ward, Service], redis: MortalRedis) -> None:
    ward, service = running
    ids = submit_quickly(service)
    redis.kill()
    redis.start()
    ward.await_end(ids + submit_quickly(service))
    rings_are_heard_again(service, redis, ward)


def test_away_for_a_while(running: tuple[Ward, Service], redis: MortalRedis) -> None:
    """For as long as the jobs take instead of a minute: nothing here waits for a time that a minute would exceed."""
    ward, service = running
    redis.kill()
    ward.await_end(submit_quickly(service))
    redis.start()
    rings_are_heard_again(service, redis, ward)


def test_deaf(running: tuple[Ward, Service], redis: MortalRedis) -> None:
    """A stopped Redis takes connections and bytes, and answers nothing: a black hole."""
    ward, service = running
    redis.process.send_signal(signal.SIGSTOP)
    try:
        ward.await_end(submit_quickly(service))
    finally:
        redis.process.send_signal(signal.SIGCONT)
    rings_are_heard_again(service, redis, ward)


def test_read_only_after_a_failover(running: tuple[Ward, Service], redis: MortalRedis) -> None:
    ward, service = running
    with redis.client() as client:
        client.replicaof("127.0.0.1", str(servers.free_port()))
        ward.await_end(submit_quickly(service))
        client.replicaof("NO", "ONE")
    rings_are_heard_again(service, redis, ward)


def rings_are_heard_again(service: Service, redis: MortalRedis, ward: Ward) -> None:
    """The API rings and the worker answers, once Redis is well: what one leaves, the other takes."""
    heard: list[str] = []

    def heard_one() -> bool:
        heard.append(service.submit(**body())["id"])
        with redis.client() as client:
            return bool(client.info("commandstats").get("cmdstat_lpush")) and client.llen(queue_of("default")) == 0

    eventually(heard_one, 30, ward.log)
    ward.await_end(heard)
