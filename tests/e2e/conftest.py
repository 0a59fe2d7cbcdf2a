"""One deployment for all tests of a file, for it takes half a minute to start, and what they send to it.

It ends with the file: its worker would take the rings of whoever uses the same Redis next.
"""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw

from producer.demo.pictures import photograph
from producer.demo.scenes import Mask, Scene
from producer.keeper.orphans import Collector
from storage.audit_store import AuditStore
from storage.database import Database
from storage.object_store import ObjectStore, open_object_store
from storage.retention_store import RetentionStore
from storage.settings import StorageSettings
from tests import databases, servers
from tests.collector import TraceCollector, collecting
from tests.service import Service, service, settings

SIZE = 128
BOX = (32, 32, 96, 96)


@pytest.fixture(scope="module")
def collector() -> Iterator[TraceCollector]:
    """Where the deployment sends its traces."""
    with collecting() as collector:
        yield collector


@pytest.fixture(scope="module")
def deployment(
    tmp_path_factory: pytest.TempPathFactory,
    postgres_server: str,
    redis_url: str,
    s3_server: servers.S3Server,
    collector: TraceCollector,
) -> Iterator[Service]:
    """API, keeper and worker on PostgreSQL, Redis and S3, their traces on the way to the collector."""
    folder = tmp_path_factory.mktemp("e2e")
    with databases.migrated_postgres(postgres_server, "way_of_a_job") as database_url:
        env = settings(folder, database_url=database_url, redis_url=redis_url, s3=s3_server)
        env |= {"INPAINTD_PREVIEW_EVERY": "4", "INPAINTD_ALLOWED_ADDRESSES": "127.0.0.0/8"}
        env |= {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.endpoint, "OTEL_BSP_SCHEDULE_DELAY": "100"}
        _report(folder, env)
        with service(folder, env) as running:
            yield running


def _report(folder: Path, env: dict[str, str]) -> None:
    """Puts the reported photograph into a bank. Before the workers start, who look for news every 20 seconds."""
    file = folder / "reported.png"
    reported().save(file)
    command = [sys.executable, "-m", "producer.cli", "banks", "add", "reported", str(file)]
    subprocess.run([*command, "--reason", "no copies", "--by", "eve"], env=env, check=True, capture_output=True)


def reported() -> Image.Image:
    """A photograph that the operator wants no copies of."""
    return photograph(Scene("chelsea.png", (256, 256), Mask("box", ()), ""))


@dataclass(frozen=True, slots=True)
class Stores:
    """What lies behind a deployment."""

    settings: StorageSettings
    database: Database
    objects: ObjectStore

    def decisions(self, job: dict[str, Any]) -> list[tuple[str, str, str]]:
        """What is on record about a job: stage, action and who decided."""
        records = [record.content["record"] for record in AuditStore(self.database).of(job["id"])]
        return [(record["stage"], record["action"], record["actor"]) for record in records]

    def quarantined(self, job: dict[str, Any]) -> list[str]:
        """Keys of what waits for a person's word on a job."""
        return [entry.key for entry in self.objects.entries(f"quarantine/{job['id']}/")]

    def collect_orphans(self) -> None:
        """Does now what a keeper does once a day."""
        Collector(RetentionStore(self.database), self.objects, -86400.0, threading.Event()).collect()


@pytest.fixture(scope="module")
def stores(deployment: Service) -> Iterator[Stores]:
    """The deployment's own database and object store."""
    settings = StorageSettings.from_env(deployment.env)
    database = Database(settings.database_url)
    yield Stores(settings, database, open_object_store(settings))
    database.close()


@pytest.fixture(scope="module")
def picture() -> Image.Image:
    """A greenish gradient with grain: every pixel is easy to tell from its neighbour."""
    rng = np.random.default_rng(5)
    ramp = np.linspace(60, 150, SIZE)[:, None, None] + np.array([0, 40, 10])
    return Image.fromarray((ramp + rng.integers(-12, 12, (SIZE, SIZE, 3))).clip(0, 255).astype(np.uint8))


@pytest.fixture(scope="module")
def mask() -> Image.Image:
    """White in BOX."""
    drawn = Image.new("L", (SIZE, SIZE), 0)
    ImageDraw.Draw(drawn).rectangle([BOX[0], BOX[1], BOX[2] - 1, BOX[3] - 1], fill=255)
    return drawn
