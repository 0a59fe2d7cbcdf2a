"""Previews of jobs under way, off unless the operator wants them: judged like results, small, never stored."""

from __future__ import annotations

import base64
import io
import queue
import threading
from collections.abc import Callable, Sequence

import structlog
from PIL import Image

from safety.checks import check_result
from safety.evidence import SignalSource
from safety.policy import Policy
from safety.verdict import Action
from storage.job import Job
from storage.live import Live
from storage.publisher import Publisher
from worker.engine.request import Pixels

log = structlog.get_logger(__name__)

# Judging takes time of the device, so one preview is judged at a time, and there is a rest after each.
REST_SECONDS = 0.25
CLOSE_SECONDS = 1.0
QUALITY = 80


class Previewer:
    """Judges and publishes one preview at a time, on a thread of its own; what comes meanwhile is dropped."""

    def __init__(self, every: int, publisher: Publisher, policy: Policy) -> None:
        """A preview after every `every` steps of a job, at most."""
        self._every = every
        self._publisher = publisher
        self._policy = policy
        self._free = True
        self._work: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="previewer", daemon=True)
        self._thread.start()

    def of(self, job: Job, step: Callable[[], int], sources: Sequence[SignalSource], before: Pixels) -> JobPreviews:
        """The previews of one job, which `step()` says how far it is, judged by `sources`.

        `before` is what the model was shown, uint8 (h, w, 3): what appeared since is judged as in a result.
        """
        return JobPreviews(self, job, step, sources, before)

    def wants(self, step: int) -> bool:
        """Whether a preview after this step would be looked at."""
        return self._free and step % self._every == 0

    def take(self, pixels: Pixels, previews: JobPreviews) -> None:
        """Returns at once. Called from the engine's thread only, if wants() was true."""
        self._free = False
        self._work.put(lambda: self._judge(pixels, previews))

    def close(self) -> None:
        """Judges nothing more."""
        self._closing.set()
        self._work.put(None)
        self._thread.join(CLOSE_SECONDS)

    def _run(self) -> None:
        while (work := self._work.get()) is not None and not self._closing.is_set():
            try:
                work()
            except Exception:
                log.exception("preview_failed")
            self._closing.wait(REST_SECONDS)
            self._free = True

    def _judge(self, pixels: Pixels, previews: JobPreviews) -> None:
        """Publishes what the policy allows without reservation; a signal that fails or is missing makes it more."""
        image = Image.fromarray(pixels)
        before = Image.fromarray(previews.before).resize(image.size)
        verdict = check_result(image, (0, 0, *image.size), self._policy, previews.sources, before)
        if verdict.action is Action.ALLOW:
            job = previews.job
            self._publisher.progress(job.id, Live(job.attempt, previews.step(), job.steps, _data_uri(image)))


class JobPreviews:
    """What the engine is told to do with the previews of one job; see PreviewSink."""

    def __init__(
        self,
        previewer: Previewer,
        job: Job,
        step: Callable[[], int],
        sources: Sequence[SignalSource],
        before: Pixels,
    ) -> None:
        self._previewer = previewer
        self.job = job
        self.step = step
        self.sources = sources
        self.before = before

    def wants(self, step: int) -> bool:
        """See PreviewSink."""
        return self._previewer.wants(step)

    def show(self, pixels: Pixels) -> None:
        """See PreviewSink."""
        self._previewer.take(pixels, self)


def _data_uri(image: Image.Image) -> str:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=QUALITY)
    return f"data:image/jpeg;base64,{base64.b64encode(buffer.getvalue()).decode()}"
