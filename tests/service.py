"""A whole deployment for tests: API, keeper and workers as processes of their own, on servers that tests started."""

from __future__ import annotations

import base64
import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import httpx
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from storage.database import Database
from storage.key_store import KeyStore
from tests import servers

MARK_SECRET = "a secret for tests only"


def settings(folder: Path, *, database_url: str, redis_url: str, s3: servers.S3Server | None) -> dict[str, str]:
    """The environment of every process of one deployment."""
    env = {
        **os.environ,
        "HF_HUB_OFFLINE": "1",
        "INPAINTD_DATABASE_URL": database_url,
        "INPAINTD_REDIS_URL": redis_url,
        "INPAINTD_OBJECTS": f"file://{folder / 'objects'}",
        "INPAINTD_MARK_SECRET": MARK_SECRET,
        "INPAINTD_CREDENTIALS_DIR": str(folder / "credentials"),
        "INPAINTD_USER_SECRET": "another secret for tests",
        "INPAINTD_DEVICES": "cpu",
    }
    if s3 is not None:
        env |= {
            "INPAINTD_OBJECTS": f"s3://{s3.bucket}/{folder.name}",
            "INPAINTD_S3_ENDPOINT": s3.endpoint,
            "INPAINTD_S3_ACCESS_KEY": s3.access_key,
            "INPAINTD_S3_SECRET_KEY": s3.secret_key,
        }
    return env


@contextmanager
def program(
    name: str, arguments: list[str], env: Mapping[str, str], folder: Path, cwd: Path | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """A process of the product; asked to end at the end of the block, and made to if it does not."""
    with (folder / f"{name}.log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", *arguments],
            env=dict(env),
            cwd=cwd,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            yield process
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


@dataclass(frozen=True, slots=True)
class Service:
    """A running deployment as a caller sees it. `folder` holds its logs, keys and, without S3, its objects."""

    url: str
    key: str
    folder: Path
    env: dict[str, str]

    @property
    def http(self) -> httpx.Client:
        """A client with the key; every call opens one of its own."""
        return httpx.Client(base_url=self.url, headers={"Authorization": f"Bearer {self.key}"}, timeout=70)

    def submit(self, **fields: Any) -> dict[str, Any]:
        """Submits a job that must be accepted, and returns it."""
        with self.http as http:
            answer = http.post("/v1/jobs", json=fields)
        assert answer.status_code == 202, answer.text
        job: dict[str, Any] = answer.json()
        return job

    def get(self, job_id: str, wait: float = 0) -> dict[str, Any]:
        """The job as it stands, or after up to `wait` seconds once it is terminal or held."""
        with self.http as http:
            job: dict[str, Any] = http.get(f"/v1/jobs/{job_id}", params={"wait": wait}).raise_for_status().json()
        return job

    def run(self, **fields: Any) -> dict[str, Any]:
        """Submits a job and returns it once it is terminal or held."""
        return self.get(self.submit(**fields)["id"], wait=60)

    def image(self, job: dict[str, Any], index: int = 0) -> bytes:
        """The bytes of a result."""
        with self.http as http:
            return http.get(job["images"][index]["url"]).raise_for_status().content

    def command(self, *arguments: str) -> str:
        """What `inpaintd` prints, which must succeed; it runs with the deployment's environment and key."""
        env = {**self.env, "INPAINTD_URL": self.url, "INPAINTD_KEY": self.key}
        command = [sys.executable, "-m", "producer.cli", *arguments]
        done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def await_state(self, job_id: str, state: str, seconds: float = 60) -> dict[str, Any]:
        """The job once it is in `state`; fails after `seconds`."""
        end = time.monotonic() + seconds
        while (job := self.get(job_id))["status"] != state:
            assert time.monotonic() < end, f"{job_id} is {job['status']}, not {state}, after {seconds} s"
            time.sleep(0.02)
        return job


@contextmanager
def service(folder: Path, env: dict[str, str], *, workers: bool = True, port: int = 0) -> Iterator[Service]:
    """API, keeper and, if wanted, workers on a migrated database; `port` 0: any free one."""
    port = port or servers.free_port()
    env = {**env, "INPAINTD_PORT": str(port), "INPAINTD_HOST": "127.0.0.1"}
    database = Database(env["INPAINTD_DATABASE_URL"])
    keys = KeyStore(database)
    key = keys.create_key(keys.create_tenant("tests"), ["submit", "read"])
    database.close()
    running = Service(f"http://127.0.0.1:{port}", key, folder, env)
    with contextlib.ExitStack() as stack:
        stack.enter_context(program("api", ["producer.cli", "api"], env, folder))
        stack.enter_context(program("keeper", ["producer.cli", "keeper"], env, folder))
        if workers:
            stack.enter_context(program("worker", ["worker.fleet"], env, folder))
        _await_api(running)
        yield running


def _await_api(running: Service, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while True:
        with contextlib.suppress(httpx.TransportError):
            if httpx.get(f"{running.url}/readyz").is_success:
                return
        assert time.monotonic() < end, (running.folder / "api.log").read_text()
        time.sleep(0.05)


def png(image: Image.Image) -> bytes:
    """A picture as a file."""
    buffer = BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def data_uri(image: Image.Image) -> str:
    """A picture as the API takes it in JSON."""
    return f"data:image/png;base64,{base64.b64encode(png(image)).decode()}"


def pixels(data: bytes) -> NDArray[np.uint8]:
    """An encoded picture as uint8 (h, w, 3)."""
    return np.asarray(Image.open(BytesIO(data)).convert("RGB"))
