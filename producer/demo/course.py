"""The course of the demonstration's jobs: submitted over HTTP, watched until all are at rest, fetched."""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from PIL import Image

from producer.client import Client
from producer.client.types import JobView, at_rest
from producer.demo.pictures import drawn, photograph, png
from producer.demo.scenes import Scene
from producer.errors import ProducerError

STEPS = 20
BATCH = "demo"
LOOK_SECONDS = 0.3
LIMIT_SECONDS = 300.0


class DemoFailed(ProducerError):
    """The demonstration did not go as it must."""


@dataclass(slots=True)
class Showing:
    """A scene on its way. `seconds` counts from submit until the job came to rest."""

    scene: Scene
    image: Image.Image
    mask: Image.Image
    job: JobView
    submitted: float
    seconds: float | None = None
    result: Image.Image | None = None

    def update(self, job: JobView) -> None:
        """Takes in the job's latest state."""
        self.job = job
        if self.seconds is None and at_rest(job):
            self.seconds = time.monotonic() - self.submitted

    @property
    def why(self) -> str:
        """The rule that blocked or holds the job, or the code of its error, or nothing."""
        if self.job["error"]:
            return self.job["error"]["code"]
        stopped = self.job["status"] in ("blocked", "held")
        rules = [finding["rule"] for finding in self.job["safety"]["findings"] if stopped]
        return next((rule for rule in rules if not rule.startswith("notice.")), "")

    @property
    def problem(self) -> str | None:
        """What is not as it must be with the ended job, or None."""
        status, name = self.job["status"], f"{self.scene.prompt!r} ({self.job['id']})"
        if status not in self.scene.ends:
            message = f": {self.job['error']['message']}" if self.job["error"] else ""
            return f"{name} must end as {' or '.join(self.scene.ends)} and is {status}{message}"
        if status in ("blocked", "held") and not self.why:
            return f"{name} is {status} and names no rule"
        if status == "succeeded" and (self.result is None or self.result.size != self.image.size):
            return f"{name} has no result of the size of its input"
        return None


def submit_all(client: Client, scenes: Sequence[Scene]) -> list[Showing]:
    """Submits every scene, and cancels those that are to show it."""
    showings = []
    for number, scene in enumerate(scenes):
        image = photograph(scene)
        mask = drawn(scene.mask, image.size)
        submitted = time.monotonic()
        job = client.submit(png(image), png(mask), scene.prompt, steps=STEPS, seed=number + 1, batch=BATCH)
        if scene.canceled:
            job = client.cancel(job["id"])
        showings.append(Showing(scene, image, mask, job, submitted))
    return showings


def watch_all(client: Client, showings: Sequence[Showing], look: Callable[[], None]) -> None:
    """Keeps `showings` up to date until all are at rest, calling `look` in between. Raises DemoFailed."""
    end = time.monotonic() + LIMIT_SECONDS
    while True:
        states = {job["id"]: job for job in client.list(batch=BATCH, limit=200)["data"]}
        for showing in showings:
            showing.update(states[showing.job["id"]])
        look()
        waiting = sum(showing.seconds is None for showing in showings)
        if not waiting:
            return
        if time.monotonic() > end:
            raise DemoFailed(f"{waiting} jobs had not ended after {LIMIT_SECONDS:g} s; see the worker's log.")
        time.sleep(LOOK_SECONDS)


def fetch_all(client: Client, showings: Sequence[Showing]) -> None:
    """Downloads the first image of every job that succeeded."""
    for showing in showings:
        if showing.job["status"] == "succeeded":
            with Image.open(io.BytesIO(client.download(showing.job["id"]))) as image:
                showing.result = image.convert("RGB")
