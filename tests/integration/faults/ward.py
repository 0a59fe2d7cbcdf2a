"""A deployment to be hurt: real servers, real processes that a test starts one by one, and the oracle over them."""

from __future__ import annotations

import contextlib
import itertools
import subprocess
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import psycopg

from producer.keeper.orphans import Collector
from producer.keeper.reap import Reaper
from storage.errors import DatabaseUnavailable
from storage.job import Job
from storage.key_store import KeyStore
from storage.lease_store import LeaseStore
from storage.retention_store import RetentionStore
from tests import databases, servers
from tests.chaos.oracle import Oracle
from tests.chaos.stream import STEPS, pictures
from tests.integration.worker.workshop import Workshop
from tests.service import Service, program, settings

LEASE_SECONDS = 3.0
# What was stored this very second counts as old, whatever the store rounds to.
ANY_AGE = -86400.0
PATIENT_SECONDS = 80.0
_numbers = itertools.count()


class Ward(Workshop):
    """A workshop with an API and keepers on request. `types`, `row`, `submit` and `worker` are the workshop's."""

    def __init__(self, folder: Path, env: dict[str, str], postgres: servers.Postgres) -> None:
        super().__init__(folder, env)
        self.postgres = postgres
        self.leases = LeaseStore(self.database, self.settings.lease_seconds)
        self.key = KeyStore(self.database).create_key(self.desk.tenant_id, ["submit", "read"])

    def await_row(self, job: Job, fits: Callable[[Job], bool], seconds: float = PATIENT_SECONDS) -> Job:
        """The job once it `fits`, with patience for a machine that runs much else."""
        return super().await_row(job, fits, max(seconds, PATIENT_SECONDS))

    @contextmanager
    def api(self, **env: str) -> Iterator[tuple[Service, subprocess.Popen[bytes]]]:
        """A running API and its process."""
        port = servers.free_port()
        whole = {**self.env, "INPAINTD_HOST": "127.0.0.1", "INPAINTD_PORT": str(port), **env}
        service = Service(f"http://127.0.0.1:{port}", self.key, self.folder, whole)
        with program("api", ["producer.cli", "api"], whole, self.folder) as process:
            eventually(lambda: _answers(service.url), 60, self.log)
            yield service, process

    @contextmanager
    def keeper(self, name: str = "keeper", **env: str) -> Iterator[subprocess.Popen[bytes]]:
        """A keeper process."""
        with program(name, ["producer.cli", "keeper"], {**self.env, **env}, self.folder) as process:
            yield process

    @contextmanager
    def reaping(self) -> Iterator[None]:
        """The keeper's reaper in this process, far more often than a keeper would reap."""
        over, reaper = threading.Event(), Reaper(self.leases, self.database)

        def reap() -> None:
            while not over.wait(0.1):
                with contextlib.suppress(DatabaseUnavailable):
                    reaper.reap()

        thread = threading.Thread(target=reap)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()

    def collect_orphans(self) -> int:
        """How many stored objects no row names; they are gone then."""
        return Collector(RetentionStore(self.database), self.objects, ANY_AGE, threading.Event()).collect()

    def await_end(self, accepted: Iterable[str], seconds: float = PATIENT_SECONDS) -> None:
        """Returns once every job has ended, and everything that the oracle holds is true."""
        eventually(lambda: not Oracle(self.database).unfinished(), seconds, self.log)
        assert Oracle(self.database).problems(list(accepted), self.objects) == []

    def outcomes(self) -> dict[str, int]:
        """How many jobs ended how."""
        return dict(Oracle(self.database).outcomes())

    def cut_idle_in_transaction(self) -> int:
        """Ends the sessions that sit in an open transaction, as an operator or a failover would."""
        idle = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
        idle += " WHERE datname = current_database() AND pid <> pg_backend_pid() AND state = 'idle in transaction'"
        with psycopg.connect(self.settings.database_url, autocommit=True) as connection:
            row = connection.execute(idle).fetchone()
        return 0 if row is None else int(row[0])


@contextmanager
def open_ward(
    folder: Path, postgres: servers.Postgres, redis_url: str, s3: servers.S3Server, **env: str
) -> Iterator[Ward]:
    """A ward with a database and a part of the bucket of its own."""
    with databases.migrated_postgres(postgres.uri, f"ward_{next(_numbers)}") as database_url:
        whole = settings(folder, database_url=database_url, redis_url=redis_url, s3=s3)
        made = Ward(folder, {**whole, "INPAINTD_LEASE_SECONDS": str(LEASE_SECONDS), **env}, postgres)
        try:
            yield made
        finally:
            made.close()


def body() -> dict[str, Any]:
    """A request for a small and quick job."""
    image, mask = pictures()
    return {"image": image, "mask": mask, "prompt": "a red circle", "steps": STEPS, "seed": 7}


def eventually(holds: Callable[[], object], seconds: float, told: Callable[[], object] = str) -> None:
    """Returns once `holds()`; fails after `seconds` with what `told()` says."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, told()
        time.sleep(0.05)


def stopped(process: subprocess.Popen[bytes]) -> bool:
    """Whether the process was stopped by a signal, as a failpoint does it."""
    return _state(process.pid) == "T"


def _state(pid: int) -> str:
    # The second field is the name in brackets, which may hold anything; the state follows it.
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


def failpoint(setting: str) -> Mapping[str, str]:
    """The environment that arms a failpoint."""
    return {"INPAINTD_FAILPOINT": setting}


def _answers(url: str) -> bool:
    with contextlib.suppress(httpx.TransportError):
        return httpx.get(f"{url}/healthz").is_success
    return False
