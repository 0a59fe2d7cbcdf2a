"""One API process as `inpaintd api` runs it, on PostgreSQL and Redis of its own, for measurements from outside."""

from __future__ import annotations

import contextlib
import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from PIL import Image, ImageDraw

from storage.database import Database, migrate
from storage.key_store import KeyStore
from tests import servers
from tests.service import png, program, settings

START_SECONDS = 60.0
SIZE = 128
# For the waiters: the defaults are meant for a process that also does other work.
STREAMS = {"INPAINTD_MAX_STREAMS": "4096", "INPAINTD_MAX_TENANT_STREAMS": "4096"}


@dataclass(frozen=True, slots=True)
class Stage:
    """A running API. `pid` is its process, `database_url` and `redis_url` are what it stands on."""

    port: int
    pid: int
    key: str
    tenant_id: str
    database_url: str
    redis_url: str

    @property
    def headers(self) -> dict[str, str]:
        """Of every request."""
        return {"Authorization": f"Bearer {self.key}"}

    def status(self, name: str) -> int:
        """A number of the process from /proc, such as Threads, or VmRSS in kB."""
        lines = Path(f"/proc/{self.pid}/status").read_text().splitlines()
        return int(next(line for line in lines if line.startswith(f"{name}:")).split()[1])

    def uploaded(self, count: int) -> list[dict[str, str]]:
        """`image` and `mask` of jobs by reference: `count` pairs of uploaded files."""
        with httpx.Client(base_url=f"http://127.0.0.1:{self.port}", headers=self.headers) as http:
            return [{"image": _upload(http, _photo(n)), "mask": _upload(http, _mask(n))} for n in range(count)]


@contextmanager
def stage(folder: Path, postgres: str, redis_url: str) -> Iterator[Stage]:
    """An API on a fresh database."""
    with servers.fresh_database(postgres, f"api_{secrets.token_hex(4)}") as url:
        migrate(url)
        database = Database(url)
        keys = KeyStore(database)
        tenant_id = keys.create_tenant("bench")
        key = keys.create_key(tenant_id, ["submit", "read"])
        database.close()
        port = servers.free_port()
        env = settings(folder, database_url=url, redis_url=redis_url, s3=None) | STREAMS
        env |= {"INPAINTD_PORT": str(port), "INPAINTD_HOST": "127.0.0.1"}
        with program("api", ["producer.cli", "api"], env, folder) as process:
            await_answer(f"http://127.0.0.1:{port}/readyz")
            yield Stage(port, process.pid, key, tenant_id, url, redis_url)


@contextmanager
def bare_stage(folder: Path, postgres: str) -> Iterator[int]:
    """The port of the plainest API there is, on a fresh database."""
    with servers.fresh_database(postgres, f"bare_{secrets.token_hex(4)}") as url:
        port = servers.free_port()
        with program("bare", ["bench.bare_api", url, str(port)], os.environ, folder):
            await_answer(f"http://127.0.0.1:{port}/ready")
            yield port


def await_answer(url: str) -> None:
    """Returns once `url` answers. Raises TimeoutError."""
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end:
        with contextlib.suppress(httpx.TransportError):
            if httpx.get(url).is_success:
                return
        time.sleep(0.05)
    raise TimeoutError(f"{url} did not answer within {START_SECONDS:.0f} s")


def _photo(number: int) -> bytes:
    return png(Image.linear_gradient("L").resize((SIZE, SIZE)).rotate(11 * number).convert("RGB"))


def _mask(number: int) -> bytes:
    picture = Image.new("L", (SIZE, SIZE))
    ImageDraw.Draw(picture).rectangle((10 + number, 10, 60 + number, 60), fill=255)
    return png(picture)


def _upload(http: httpx.Client, data: bytes) -> str:
    answer: dict[str, Any] = http.post("/v1/files", files={"file": ("a.png", data)}).raise_for_status().json()
    return str(answer["id"])
