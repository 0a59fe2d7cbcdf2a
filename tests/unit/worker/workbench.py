"""A worker's surroundings without networks: real SQLite, object store, engine thread, policy and mark."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from safety.authority import load_or_create_authority
from safety.mark_keys import MarkKeys
from storage.database import Database
from storage.job import Job
from storage.job_reader import JobReader
from storage.object_store import LocalObjectStore
from storage.params import InpaintParams
from storage.publisher import Publisher
from tests.calm import calm_sources
from tests.jobs import Desk
from tests.objects import keys
from tests.packaged import POLICY
from tests.service import png
from tests.unit.engine.fake_runner import FakeRunner, FakeTrajectory
from worker.engine.engine import Engine
from worker.engine.request import Pixels
from worker.execution import Execution
from worker.heartbeat import Heartbeat
from worker.tools import ServedModel, Tools

SIDE = 96
# Nothing listens there: no job needs live news.
NO_REDIS = "redis://127.0.0.1:1/0"
# Read once: it takes longer than a job does here.
CLEAN = {"test_pattern": -0.2, "concept_1": -0.1}


class GreyRunner(FakeRunner):
    """Paints grey of the size that was asked for."""

    def finish(self, batch: Sequence[FakeTrajectory]) -> list[Pixels]:
        super().finish(batch)
        return [np.full(trajectory.request.image.shape, 128, np.uint8) for trajectory in batch]


class Judge:
    """A classifier that gives every image the same scores, or raises."""

    name, version = "concepts", "1"

    def __init__(self) -> None:
        self.answer: Callable[[], dict[str, float]] = lambda: CLEAN

    def scores(self, images: Sequence[Image.Image]) -> list[dict[str, float]]:
        return [self.answer() for _ in images]


class Bench:
    """One worker's surroundings and one stored job."""

    def __init__(self, database: Database, folder: Path) -> None:
        self.desk = Desk(database)
        self.reader = JobReader(database)
        self.objects = LocalObjectStore(folder / "objects")
        self.runner = GreyRunner()
        self.judge = Judge()
        engine = Engine(self.runner)
        engine.start()
        self.tools = Tools(
            database=database,
            jobs=self.desk.jobs,
            leases=self.desk.leases,
            objects=self.objects,
            engine=engine,
            publisher=Publisher(NO_REDIS),
            models={"default": ServedModel({"alias": "default", "name": "grey", "sha256": "0" * 64}, [self.judge])},
            policy=POLICY,
            mark_keys=MarkKeys.from_secret("a secret for tests only"),
            authority=load_or_create_authority(folder / "credentials"),
            sources=calm_sources(POLICY),
        )
        self.heartbeat = Heartbeat(self.desk.leases, "w1")

    def store(self, **params: Any) -> Job:
        """Submits and claims a job with a picture and a mask."""
        rng = np.random.default_rng(1)
        mask = Image.new("L", (SIDE, SIDE), 0)
        ImageDraw.Draw(mask).rectangle([30, 30, 60, 60], fill=255)
        # Soft, for a small picture of hard noise takes eight times as long to mark.
        noise = Image.fromarray(rng.integers(60, 200, (SIDE // 4, SIDE // 4, 3), dtype=np.uint8)).resize((SIDE, SIDE))
        self.objects.put("inputs/t/image", png(noise), "image/png")
        self.objects.put("inputs/t/mask", png(mask), "image/png")
        asked = InpaintParams(**{"steps": 3, **params}).resolved(native_size=SIDE, seed=7)
        self.desk.submit(params=asked)
        (job,) = self.desk.leases.claim("w1", models=[asked.model])
        return job

    def run(self, **params: Any) -> Job:
        """Takes one job down the road and returns its row."""
        job = self.store(**params)
        self.execute(job)
        return self.row(job)

    def execute(self, job: Job) -> None:
        """Takes a claimed job down the road."""
        Execution(job, self.tools, self.heartbeat).run()

    def row(self, job: Job) -> Job:
        """The job as it stands in SQL."""
        return self.reader.get(job.id, job.tenant_id)

    def made(self) -> list[str]:
        """Keys of every image; beside each lie its credentials, and nothing else."""
        made = [key for key in keys(self.objects) if not key.startswith(("inputs/", "manifests/"))]
        assert keys(self.objects, "manifests/") == sorted(f"manifests/{key.partition('/')[2]}" for key in made)
        return made


def hook(target: Any, name: str, call: Callable[[], None]) -> None:
    """Has `call()` run before each call of a method of `target`."""
    real = getattr(target, name)

    def hooked(*arguments: Any) -> Any:
        call()
        return real(*arguments)

    object.__setattr__(target, name, hooked)
