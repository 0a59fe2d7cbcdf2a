"""Samples a deployment: what each program holds, its connections and its queue."""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import NamedTuple

import psycopg
import structlog
from redis import Redis
from redis.exceptions import RedisError

from tests.chaos.deployment import Deployment
from tests.soak.proc import usage

log = structlog.get_logger(__name__)

MEMORY, FILES, CONNECTIONS, QUEUE = "memory", "files", "connections", "queue"
_SESSIONS = """SELECT (SELECT count(*) FROM pg_stat_activity
                WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid()),
               (SELECT count(*) FROM jobs WHERE state IN ('queued', 'running'))"""
_PATIENCE_SECONDS = 2


class Track(NamedTuple):
    """Whose and what. `life` is a process id: a program that was started again is judged anew. 0: all lives."""

    role: str
    life: int
    what: str


@dataclass(slots=True)
class Series:
    """Samples, `times` in seconds of a monotonic clock."""

    times: list[float] = field(default_factory=list)
    values: list[float] = field(default_factory=list)


class Watch:
    """Takes a sample when told to; what does not answer just then is left out of it."""

    def __init__(self, deployment: Deployment) -> None:
        self.tracks: dict[Track, Series] = defaultdict(Series)
        self._deployment = deployment

    def sample(self) -> None:
        """One sample of everything."""
        for program in self._deployment.programs:
            self._of_process(program.name, program.pid)
        postgres = self._deployment.postgres.pid
        if postgres is not None:
            self._of_process("postgresql", postgres)
        self._of_postgres()
        self._of_redis()

    def _of_process(self, role: str, pid: int) -> None:
        if (used := usage(pid)) is not None:
            self._note(Track(role, pid, MEMORY), used.memory)
            self._note(Track(role, pid, FILES), used.files)

    def _of_postgres(self) -> None:
        try:
            with psycopg.connect(self._deployment.database_url, connect_timeout=_PATIENCE_SECONDS) as connection:
                row = connection.execute(_SESSIONS).fetchone()
        except psycopg.Error:
            return
        if row is not None:
            self._note(Track("postgresql", 0, CONNECTIONS), row[0])
            self._note(Track("deployment", 0, QUEUE), row[1])

    def _of_redis(self) -> None:
        try:
            with Redis.from_url(self._deployment.redis_url, socket_timeout=_PATIENCE_SECONDS) as redis:
                clients = redis.info("clients")["connected_clients"]
        except RedisError:
            return
        self._note(Track("redis", 0, CONNECTIONS), clients - 1)

    def _note(self, track: Track, value: float) -> None:
        series = self.tracks[track]
        series.times.append(time.monotonic())
        series.values.append(value)


@contextmanager
def watching(deployment: Deployment, seconds: float) -> Iterator[Watch]:
    """A watch that takes a sample every so many `seconds`, for the time of the block."""
    watch, closing = Watch(deployment), threading.Event()

    def run() -> None:
        while not closing.wait(seconds):
            try:
                watch.sample()
            except Exception:
                log.exception("sample_failed")

    thread = threading.Thread(target=run, name="watch", daemon=True)
    thread.start()
    try:
        yield watch
    finally:
        closing.set()
        thread.join()
