"""Real worker processes with the null engine, on a real Redis, database and object store."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from storage.database import Database
from storage.job import Job, JobState
from storage.job_reader import JobReader
from storage.object_store import open_object_store
from storage.params import InpaintParams
from storage.settings import StorageSettings
from tests.jobs import Desk
from tests.null_worker import CELERY
from tests.objects import keys
from tests.service import png, program

SIDE = 64


class Workshop:
    """A deployment without API: jobs are put straight into the store, and the test plays the keeper."""

    def __init__(self, folder: Path, env: dict[str, str]) -> None:
        self.folder, self.env = folder, env
        self.settings = StorageSettings.from_env(env)
        self.database = Database(self.settings.database_url)
        self.desk = Desk(self.database)
        self.reader = JobReader(self.database)
        self.objects = open_object_store(self.settings)
        self._put_inputs()

    def _put_inputs(self) -> None:
        mask = Image.new("L", (SIDE, SIDE), 0)
        ImageDraw.Draw(mask).rectangle([20, 20, 40, 40], fill=255)
        grain = np.random.default_rng(1).integers(60, 200, (SIDE // 4, SIDE // 4, 3), dtype=np.uint8)
        self.objects.put("inputs/t/image", png(Image.fromarray(grain).resize((SIDE, SIDE))), "image/png")
        self.objects.put("inputs/t/mask", png(mask), "image/png")

    def submit(self, **params: Any) -> Job:
        """Stores one job; nobody is rung."""
        asked = {"prompt": "a red circle", "steps": 3, **params}
        return self.desk.submit(params=InpaintParams(**asked).resolved(native_size=SIDE, seed=7))

    def row(self, job: Job) -> Job:
        """The job as it stands."""
        return self.reader.get(job.id, job.tenant_id)

    def await_row(self, job: Job, fits: Callable[[Job], bool], seconds: float = 40) -> Job:
        """The job once it `fits`; fails after `seconds`."""
        end = time.monotonic() + seconds
        while not fits(row := self.row(job)):
            assert time.monotonic() < end, (row, self.log())
            time.sleep(0.02)
        return row

    def await_state(self, job: Job, state: JobState, seconds: float = 40) -> Job:
        """The job once it is in `state`."""
        return self.await_row(job, lambda row: row.state is state, seconds)

    def await_steps(self, job: Job, steps: int = 1) -> Job:
        """The job once a beat has stored that it is being denoised."""
        return self.await_row(job, lambda row: row.state is JobState.RUNNING and row.step >= steps)

    def made(self) -> list[str]:
        """Keys of every object that is neither an input nor the credentials of an image."""
        return [key for key in keys(self.objects) if not key.startswith(("inputs/", "manifests/"))]

    def log(self) -> str:
        """What the processes said."""
        return "\n".join(path.read_text()[-6000:] for path in sorted(self.folder.glob("*.log")))

    def types(self, job: Job) -> list[str]:
        """The job's history."""
        return [event.type for event in self.reader.events(job.id, job.tenant_id)]

    @contextmanager
    def worker(
        self,
        *options: str,
        slots: int = 4,
        name: str = "worker",
        env: Mapping[str, str] | None = None,
        module: str = "tests.null_worker",
    ) -> Iterator[subprocess.Popen[bytes]]:
        """A worker process of its own."""
        arguments = [module, *options, *CELERY, str(slots), "--hostname", f"{name}@localhost"]
        whole = {**self.env, "INPAINTD_SLOTS": str(slots), **(env or {})}
        with program(name, arguments, whole, self.folder) as process:
            yield process

    def close(self) -> None:
        """Lets the database go."""
        self.database.close()


def python(code: str) -> str:
    """What a fresh interpreter prints for `code`."""
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()
