"""API, two workers, two keepers, PostgreSQL, Redis and S3: a whole deployment on this machine, made to be hurt."""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import httpx

from storage.broker import queue_of
from storage.database import Database, migrate
from storage.key_store import KeyStore
from storage.settings import StorageSettings
from tests import servers
from tests.chaos.processes import Supervised
from tests.service import settings

LEASE_SECONDS = 3
SLOTS = 8
TENANTS = ("ant", "bee", "cat")
START_SECONDS = 60.0


@dataclass(slots=True)
class Deployment:
    """Everything that runs, and how to reach and to hurt it."""

    url: str
    redis_url: str
    database_url: str
    storage: StorageSettings
    postgres: servers.Postgres
    keys: list[str]
    programs: list[Supervised]
    postgres_lock: threading.Lock = field(default_factory=threading.Lock)

    def pick(self, name: str, rng: Random) -> Supervised:
        """One of the programs of that name."""
        return rng.choice([program for program in self.programs if program.name.startswith(name)])


@contextmanager
def deployment(folder: Path, worker: Sequence[str], copies: int = 2) -> Iterator[Deployment]:
    """A running deployment that takes jobs; everything is ended at the end of the block.

    `worker` is the module that runs as each worker process, and what stands before Celery's arguments; of workers and
    keepers there are `copies`.
    """
    with contextlib.ExitStack() as stack:
        postgres = stack.enter_context(servers.postgres())
        database_url = stack.enter_context(servers.fresh_database(postgres.uri, "chaos"))
        migrate(database_url)
        redis_port, s3_server, s3_command = servers.free_port(), *servers.s3_command(folder / "s3")
        redis_url = f"redis://127.0.0.1:{redis_port}/0"
        env = settings(folder, database_url=database_url, redis_url=redis_url, s3=s3_server)
        api_port = servers.free_port()
        env |= {
            "INPAINTD_HOST": "127.0.0.1",
            "INPAINTD_PORT": str(api_port),
            "INPAINTD_LEASE_SECONDS": str(LEASE_SECONDS),
            "INPAINTD_GRACE_SECONDS": "2",
            "INPAINTD_ALLOWED_ADDRESSES": "127.0.0.0/8",
        }
        programs = [
            Supervised("redis", servers.redis_server(folder, redis_port)[0], env, folder),
            Supervised("s3", s3_command, env, folder),
            Supervised("api", [sys.executable, "-m", "producer.cli", "api"], env, folder),
        ]
        programs += [
            Supervised(f"keeper-{number}", [sys.executable, "-m", "producer.cli", "keeper"], env, folder)
            for number in range(1, copies + 1)
        ]
        programs += [
            Supervised(f"worker-{number}", _worker(number, worker), env, folder) for number in range(1, copies + 1)
        ]
        for program in programs:
            stack.callback(program.close)
        made = Deployment(
            url=f"http://127.0.0.1:{api_port}",
            redis_url=redis_url,
            database_url=database_url,
            storage=StorageSettings.from_env(env),
            postgres=postgres,
            keys=_keys(database_url),
            programs=programs,
        )
        _await_ready(made)
        yield made


def _worker(number: int, program: Sequence[str]) -> list[str]:
    command = [sys.executable, "-m", *program, "--quiet", "worker", "--pool", "threads"]
    command += ["--concurrency", str(SLOTS), "--queues", queue_of("default")]
    return [*command, "--hostname", f"chaos-{number}@%h", "--without-gossip", "--without-mingle"]


def _keys(database_url: str) -> list[str]:
    database = Database(database_url)
    keys = KeyStore(database)
    made = [keys.create_key(keys.create_tenant(name), ["submit", "read"]) for name in TENANTS]
    database.close()
    return made


def _await_ready(made: Deployment) -> None:
    end = time.monotonic() + START_SECONDS
    while True:
        with contextlib.suppress(httpx.TransportError):
            if httpx.get(f"{made.url}/readyz").is_success:
                return
        if time.monotonic() > end:
            raise TimeoutError("the API did not become ready; see api.log")
        time.sleep(0.1)
