"""One job from claim to finish, as a road of named steps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future, wait
from typing import Any

import structlog

from safety.marking import require_room
from safety.verdict import PASSING, Action
from storage import tracing
from storage.also import Row
from storage.errors import StorageError
from storage.failpoints import reach
from storage.job import Job, JobResult
from storage.live import Live
from storage.masks import Inputs, check_inputs
from worker.asking import request_id, request_of
from worker.engine.request import InpaintRequest, InpaintResult
from worker.errors import RequestCanceled
from worker.heartbeat import Heartbeat
from worker.images.compose import Composite, compose
from worker.images.prepare import Prepared, prepare
from worker.judgement import Judgement
from worker.marking import MarkedImage, Source, mark_and_sign
from worker.outcomes import settle_error
from worker.patience import patiently
from worker.preview import JobPreviews
from worker.progress import Progress
from worker.saving import Saved, discard, save
from worker.stop import StopReason, StopSign, settle_stop
from worker.stopwatch import Stopwatch
from worker.tools import Tools

log = structlog.get_logger(__name__)


Move = Callable[[Job, JobResult, Sequence[Row]], bool]


class Execution:
    """A claimed job on its way. `stop()` may be called from any thread, at any time."""

    def __init__(self, job: Job, tools: Tools, heartbeat: Heartbeat) -> None:
        self._job = job
        self._tools = tools
        self._model = tools.models[job.params.model]
        self._heartbeat = heartbeat
        self._sign = StopSign()
        self._progress = Progress(job.params.num_images, job.params.actual_steps)
        self._watch = Stopwatch(job)
        self._judgement = Judgement(job, tools)

    def run(self) -> None:
        """Takes the job as far as it goes and writes what became of it. Raises only what that writing raises."""
        structlog.contextvars.bind_contextvars(job_id=self._job.id, attempt=self._job.attempt)
        with tracing.span("run", self._job.trace, job_id=self._job.id, attempt=self._job.attempt):
            self._run()

    def _run(self) -> None:
        self._heartbeat.watch(self._job, lambda order: self.stop(StopReason.of(order)))
        try:
            self._road()
        except RequestCanceled:
            receipt = self._progress.receipt(self._tools.engine.pace.mean)
            settle_stop(self._tools.jobs, self._job, self._sign.reason, receipt)
        except Exception as error:  # noqa: BLE001  (whatever it was, the job must hear of it)
            settle_error(self._tools.jobs, self._job, error)
        finally:
            self._heartbeat.forget(self._job)
            self._tools.publisher.moved(self._job.id)
            structlog.contextvars.clear_contextvars()

    def stop(self, reason: StopReason) -> None:
        """Stops the job before its next denoising step, or between two other steps of the road."""
        self._sign.put_up(reason)
        for index in range(self._job.params.num_images):
            self._tools.engine.cancel(request_id(self._job, index))

    def seconds_left(self) -> float | None:
        """At least so long the denoising will still take; None before that is known."""
        return self._progress.seconds_left()

    def let_go(self) -> None:
        """Gives the job back although its run has not ended: that run's own writes will match no row any more."""
        try:
            self._tools.jobs.release(self._job)
        except StorageError as problem:
            log.warning("job_not_released", job_id=self._job.id, error=str(problem))

    def _road(self) -> None:
        if self._job.cancel_requested:  # before an earlier worker was lost
            self.stop(StopReason.CANCEL)
        inputs, image_bytes = self._load()
        with self._watch.timed("prepare"):
            prepared = prepare(inputs.image, inputs.mask, self._job.params)
        size = (inputs.image.width, inputs.image.height)
        require_room(self._tools.policy.marking, size, prepared.feather.region)
        source = Source.of(image_bytes, inputs.image, self._tools.mark_keys)
        if self._check_input(inputs, source):
            return
        results = self._inpaint(prepared)
        composites = [compose(prepared, result.pixels) for result in results]
        action = self._check_results(composites, inputs)
        receipt = _receipt(prepared, results[0], composites[0])
        if action is Action.BLOCK:
            self._finish(self._tools.jobs.block, [], receipt)
            return
        held = action not in PASSING
        marked = self._mark(composites, source)
        receipt |= _labels(marked)
        saved = self._save(marked, held=held)
        self._finish(self._tools.jobs.hold_result if held else self._tools.jobs.succeed, saved, receipt)

    def _load(self) -> tuple[Inputs, bytes]:
        with self._watch.timed("load"):
            image = self._fetch(self._job.image_key)
            mask = self._fetch(self._job.mask_key) if self._job.mask_key else None
            return check_inputs(image, mask, self._job.params), image

    def _fetch(self, key: str) -> bytes:
        self._sign.check()
        return patiently(lambda: self._tools.objects.get(key), self._sign)

    def _check_input(self, inputs: Inputs, source: Source) -> bool:
        """True when the job ends here: the picture or its mask needs a person, or is refused."""
        self._sign.check()
        with self._watch.timed("check"):
            action = self._judgement.on_input(inputs, source)
        if action is Action.BLOCK:
            self._finish(self._tools.jobs.block, [], {})
        elif action not in PASSING:
            self._tools.jobs.hold_request(self._job, safety=self._judgement.record, also=self._judgement.rows)
        return action not in PASSING

    def _inpaint(self, prepared: Prepared) -> list[InpaintResult]:
        futures: list[Future[InpaintResult]] = []
        with self._watch.timed("denoise"):
            for index in range(self._job.params.num_images):
                futures.append(self._tools.engine.submit(self._request(prepared, index)))
            # A stop that came before the last submit found nothing to cancel then.
            if self._sign.reason is not None:
                self.stop(self._sign.reason)
            wait(futures)
        return [future.result() for future in futures]

    def _request(self, prepared: Prepared, index: int) -> InpaintRequest:
        previews = self._previews(prepared) if index == 0 else None
        return request_of(self._job, prepared, index, lambda step: self._note_step(index, step), previews)

    def _previews(self, prepared: Prepared) -> JobPreviews | None:
        """Where to show what is being made; nowhere unless the operator wants it and the request is plainly allowed."""
        if self._tools.previewer is None or not self._judgement.spotless:
            return None
        sources = self._tools.sources_of(self._job.params.model)
        return self._tools.previewer.of(self._job, lambda: self._progress.step, sources, prepared.image)

    def _check_results(self, composites: Sequence[Composite], inputs: Inputs) -> Action:
        self._sign.check()
        with self._watch.timed("check"):
            return self._judgement.on_results(composites, inputs)

    def _mark(self, composites: Sequence[Composite], source: Source) -> list[MarkedImage]:
        marked: list[MarkedImage] = []
        with self._watch.timed("mark"):
            for made in composites:
                self._sign.check()
                marked.append(mark_and_sign(made, self._job, source, self._tools))
        self._judgement.on_marked(marked)
        return marked

    def _save(self, marked: Sequence[MarkedImage], *, held: bool) -> list[Saved]:
        with self._watch.timed("save"):
            return save(marked, self._job, self._tools.objects, self._sign, held=held)

    def _finish(self, move: Move, saved: Sequence[Saved], receipt: dict[str, Any]) -> None:
        timings, record = self._watch.timings, self._judgement.record
        images, marks = tuple(one.image for one in saved), tuple(one.mark for one in saved if one.mark is not None)
        result = JobResult(images, {**receipt, "timings": timings}, record, self._model.identity, marks)
        reach("before_finish")
        # If this raises, nobody knows whether the row names the images: they stay, for the collector to judge.
        if move(self._job, result, self._judgement.rows):
            reach("after_commit")
            log.info("job_finished", action=record["action"], **timings)
            return
        # Somebody else owns the job by now: what was stored for it is an orphan.
        log.warning("job_lost_at_finish")
        discard(saved, self._tools.objects)

    def _note_step(self, index: int, step: int) -> None:
        self._progress.note(index, step, self._tools.engine.pace.last or 0.0)
        self._heartbeat.progress(self._job, self._progress.step)
        live = Live(self._job.attempt, self._progress.step, self._job.steps)
        self._tools.publisher.progress(self._job.id, live)
        reach("mid_step")


def _labels(marked: Sequence[MarkedImage]) -> dict[str, Any]:
    """That a visible label covers a part of the picture, and where: it is the same in all images of a job."""
    box = marked[0].label_box
    return {} if box is None else {"label": {"box": list(box)}}


def _receipt(prepared: Prepared, result: InpaintResult, composite: Composite) -> dict[str, Any]:
    return {
        "actual_steps": result.actual_steps,
        "crop_box": list(prepared.crop_box),
        "untouched": composite.untouched,
        "dropped_text": result.dropped_text,
    }
