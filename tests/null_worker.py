"""The real worker process with networks that do nothing: it needs no torch and starts in about two seconds.

python -m tests.null_worker [options] worker --pool threads --concurrency 8 --queues inpaintd.default

The options stand before Celery's arguments, which are those of worker.app. Everything but the networks is real:
claims, leases, pictures, checks, mark, credentials, object store.
"""

from __future__ import annotations

import argparse
import os
import sys
import threading
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
from PIL import Image

from safety.authority import load_or_create_authority
from safety.mark_keys import MarkKeys
from safety.policy import load_policy
from safety.settings import SafetySettings
from storage.aliases import served
from storage.database import Database
from storage.job_store import JobStore
from storage.lease_store import LeaseStore
from storage.object_store import open_object_store
from storage.publisher import Publisher
from storage.settings import StorageSettings, secret_text
from tests.calm import calm_sources
from tests.unit.engine.fake_runner import FakeTrajectory
from worker.engine.engine import Engine
from worker.engine.protocol import Runner
from worker.engine.request import InpaintRequest, Pixels
from worker.settings import WorkerSettings
from worker.station import build, run
from worker.tools import ServedModel, Tools

CPU_ROWS = 16
POISON_STATUS = 66
CELERY = ["--quiet", "worker", "--pool", "threads", "--queues", "inpaintd.default", "--without-gossip"]
CELERY += ["--without-mingle", "--concurrency"]
"""Celery's arguments as the fleet gives them; the number of slots follows."""
CLEAN = {"test_pattern": -0.2, "concept_1": -0.1}


class NullRunner:
    """Paints grey. A shared step takes `step_seconds`; prompts may kill the process or hang the engine."""

    def __init__(self, step_seconds: float = 0.0, poison: str | None = None, hang: str | None = None) -> None:
        self._step_seconds = step_seconds
        self._poison = poison
        self._hang = hang

    def begin(self, request: InpaintRequest, precise: bool = False) -> FakeTrajectory:
        return FakeTrajectory(request, request.actual_steps, precise)

    def predict(self, batch: Sequence[FakeTrajectory]) -> list[int]:
        prompts = {trajectory.request.prompt for trajectory in batch}
        if self._poison in prompts:
            os._exit(POISON_STATUS)
        if self._hang in prompts:
            threading.Event().wait()
        if self._step_seconds:
            time.sleep(self._step_seconds)
        return [1] * len(batch)

    def advance(self, trajectory: FakeTrajectory, prediction: int) -> None:
        trajectory.calls_left -= prediction

    def finish(self, batch: Sequence[FakeTrajectory]) -> list[Pixels]:
        return [np.full(trajectory.request.image.shape, 128, np.uint8) for trajectory in batch]


class NullJudge:
    """Finds every picture harmless."""

    name, version = "concepts", "null"

    def scores(self, images: Sequence[Image.Image]) -> list[dict[str, float]]:
        return [CLEAN for _ in images]


def open_null_tools(
    storage: StorageSettings, safety: SafetySettings, worker: WorkerSettings, runner: Runner[Any, Any]
) -> Tools:
    """What worker.opening opens, but for the networks."""
    database = Database(storage.database_url)
    engine = Engine(runner, worker.row_budget or CPU_ROWS)
    engine.start()
    policy = load_policy(safety.policy)
    return Tools(
        database=database,
        jobs=JobStore(database),
        leases=LeaseStore(database, storage.lease_seconds),
        objects=open_object_store(storage),
        engine=engine,
        publisher=Publisher(storage.redis_url),
        models={alias: _null_model(alias) for alias in served(storage.sources, worker.models)},
        policy=policy,
        sources=calm_sources(policy),
        mark_keys=MarkKeys.from_secret(safety.require_mark_secret()),
        authority=load_or_create_authority(safety.require_credentials_dir()),
    )


def _null_model(alias: str) -> ServedModel:
    return ServedModel({"alias": alias, "name": "null", "sha256": "0" * 64}, [NullJudge()])


def main() -> None:
    """The program."""
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--step-seconds", type=float, default=0.0)
    parser.add_argument("--poison-prompt")
    parser.add_argument("--hang-prompt")
    own, celery = parser.parse_known_args()
    runner = NullRunner(own.step_seconds, own.poison_prompt, own.hang_prompt)
    safety = SafetySettings.from_env(secret_text)
    run(build(lambda storage, worker: open_null_tools(storage, safety, worker, runner)), celery)


if __name__ == "__main__":
    assert "torch" not in sys.modules
    main()
