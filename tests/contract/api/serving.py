"""A real server on a free port, with SQLite and a folder for objects, and pictures to send to it."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import httpx
from PIL import Image, ImageDraw

from producer.api.app import server
from producer.services import Services, open_services
from producer.settings import ProducerSettings
from safety.settings import SafetySettings
from storage.database import migrate
from storage.job import Job, JobResult, ResultImage
from storage.job_reader import JobFilter
from storage.lease_store import LeaseStore
from storage.settings import StorageSettings
from tests.contract.api.described import as_described
from tests.objects import keys
from tests.servers import S3Server

# Nothing listens on port 1: these tests also show that no answer needs Redis.
NO_REDIS = "redis://127.0.0.1:1/0"
NATIVE_SIZE = 128


@dataclass(frozen=True)
class Stack:
    """A running server and, beside it, the services it stands on."""

    url: str
    services: Services

    def tenant(self, name: str, *scopes: str) -> Tenant:
        """The tenant of this name, with a new key of these scopes."""
        tenant_id = self.services.keys.create_tenant(name)
        key = self.services.keys.create_key(tenant_id, scopes or ("submit", "read"))
        headers = {"Authorization": f"Bearer {key}"}
        hooks = {"response": [as_described]}
        http = httpx.Client(base_url=self.url, headers=headers, timeout=30, event_hooks=hooks)
        return Tenant(tenant_id, key, self, http)


@dataclass(frozen=True)
class Tenant:
    """A caller with a key of its own."""

    id: str
    key: str
    stack: Stack
    http: httpx.Client

    def submit(self, **changes: Any) -> httpx.Response:
        """POST /v1/jobs as JSON: a sound request with `changes`; a change to ... leaves the field out."""
        return self.http.post("/v1/jobs", json=request(**changes))

    def accepted(self, **changes: Any) -> dict[str, Any]:
        """The job of a request that must be taken."""
        answer = self.submit(**changes)
        assert answer.status_code == 202, answer.text
        job: dict[str, Any] = answer.json()
        return job

    def left_behind(self) -> tuple[int, int]:
        """How many jobs and how many stored objects this tenant has."""
        jobs = self.stack.services.reader.page(self.id, JobFilter(), limit=200).jobs
        return len(jobs), len(keys(self.stack.services.objects, f"inputs/{self.id}/"))


def finish(services: Services, job_id: str, picture: bytes) -> Job:
    """Does a worker's part: claims the job, stores `picture` as its only result and ends it as succeeded."""
    job = claim(services, job_id)
    assert services.jobs.succeed(job, result_of(services, job, picture))
    return job


def result_of(services: Services, job: Job, picture: bytes) -> JobResult:
    """What a worker hands over after it stored `picture` as the only result of `job`."""
    key = f"results/{job.id}/1-{'a' * 8}"
    services.objects.put(key, picture, "image/png")
    image = ResultImage(0, key, hashlib.sha256(picture).hexdigest(), 96, 64, "image/png", 7, "wm1")
    return JobResult((image,), {"actual_steps": 30}, job.safety, {**job.model, "sha256": "5" * 64})


def claim(services: Services, job_id: str) -> Job:
    """The job as the worker that runs it has it. Other queued jobs are claimed on the way."""
    leases = LeaseStore(services.database)
    # One call may bring a single job that has to run alone; an empty one is the end.
    rounds = iter(lambda: leases.claim("tests", models=["default"], limit=1000), [])
    return next(job for claimed in rounds for job in claimed if job.id == job_id)


@contextmanager
def running(folder: Path, **settings: Any) -> Iterator[Stack]:
    """A server whose files lie in `folder`; `settings`: of ProducerSettings, redis_url, database_url, safety, s3.

    With `tls`, a file with key and certificate, it speaks HTTPS, and calls itself localhost.
    """
    tls: Path | None = settings.pop("tls", None)
    s3: S3Server | None = settings.pop("s3", None)
    bucket = {} if s3 is None else asdict(s3)
    objects = f"file://{folder / 'objects'}" if s3 is None else f"s3://{bucket.pop('bucket')}/{folder.name}"
    storage = StorageSettings(
        database_url=settings.pop("database_url", f"sqlite:///{folder / 'jobs.db'}"),
        redis_url=settings.pop("redis_url", NO_REDIS),
        objects=objects,
        **{f"s3_{name}": value for name, value in bucket.items()},
        model=str(model_folder(folder / "tiny-model")),
        models=("xl=diffusers/stable-diffusion-xl-1.0-inpainting-0.1",),
    )
    migrate(storage.database_url)
    safety = settings.pop("safety", SafetySettings())
    services = open_services(storage, safety, ProducerSettings(port=0, **settings))
    listener = socket.create_server(("127.0.0.1", 0))
    app_server = server(services)
    app_server.config.ssl_certfile = tls
    thread = threading.Thread(target=app_server.run, args=([listener],))
    thread.start()
    try:
        port = listener.getsockname()[1]
        yield Stack(f"http://127.0.0.1:{port}" if tls is None else f"https://localhost:{port}", services)
    finally:
        app_server.should_exit = True
        thread.join()


def model_folder(folder: Path) -> Path:
    """As much of a model as the API reads."""
    text = {"num_hidden_layers": 4}
    unet, vae = {"sample_size": 16, "in_channels": 9}, {"block_out_channels": [8, 8, 8, 8]}
    for name, config in {"unet": unet, "vae": vae, "text_encoder": text}.items():
        (folder / name).mkdir(parents=True)
        (folder / name / "config.json").write_text(json.dumps(config))
    return folder


def request(**changes: Any) -> dict[str, Any]:
    """A sound request body with `changes`; ... as a value leaves the field out."""
    sound = {"image": data_uri(photo()), "mask": data_uri(mask()), "prompt": "a red circle"}
    return {name: value for name, value in {**sound, **changes}.items() if value is not ...}


def data_uri(data: bytes) -> str:
    """`data` as a data: URI."""
    return f"data:image/png;base64,{base64.b64encode(data).decode()}"


def photo(size: tuple[int, int] = (96, 64), mode: str = "RGB") -> bytes:
    """A small picture as PNG bytes."""
    return encoded(Image.linear_gradient("L").resize(size).convert(mode))


def mask(size: tuple[int, int] = (96, 64), box: tuple[int, int, int, int] | None = (10, 10, 30, 30)) -> bytes:
    """A mask that is white in `box`, as PNG bytes."""
    picture = Image.new("L", size)
    if box is not None:
        ImageDraw.Draw(picture).rectangle(box, fill=255)
    return encoded(picture)


def encoded(picture: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    """The bytes of a picture file."""
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()
