"""One job from claim to finish, as a road of named steps."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, wait
from contextlib import contextmanager
from typing import Any

import structlog
from PIL import Image

from safety.checks import check_input, check_result
from safety.verdict import Action, Verdict
from storage.errors import StorageError
from storage.failpoints import reach
from storage.job import Job, JobResult, ResultImage
from storage.live import Live
from storage.masks import Inputs, check_inputs
from worker.engine.request import InpaintRequest, InpaintResult
from worker.errors import RequestCanceled
from worker.heartbeat import Heartbeat
from worker.images.compose import Composite, compose
from worker.images.prepare import Prepared, prepare
from worker.marking import MarkedImage, mark_and_sign
from worker.outcomes import settle_error
from worker.patience import patiently
from worker.preview import JobPreviews
from worker.progress import Progress
from worker.saving import discard, save
from worker.stop import StopReason, StopSign, settle_stop
from worker.tools import Tools

log = structlog.get_logger(__name__)


Move = Callable[[Job, JobResult], bool]


class Execution:
    """A claimed job on its way. `stop()` may be called from any thread, at any time."""

    def __init__(self, job: Job, tools: Tools, heartbeat: Heartbeat) -> None:
        self._job = job
        self._tools = tools
        self._model = tools.models[job.params.model]
        self._heartbeat = heartbeat
        self._sign = StopSign()
        self._progress = Progress(job.params.num_images, job.params.actual_steps)
        self._seconds = {"queued": _waited(job)}
        self._verdict = Verdict.from_dict(job.safety)

    def run(self) -> None:
        """Takes the job as far as it goes and writes what became of it. Raises only what that writing raises."""
        structlog.contextvars.bind_contextvars(job_id=self._job.id, attempt=self._job.attempt)
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
            self._tools.engine.cancel(self._request_id(index))

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
        prepared = prepare(inputs.image, inputs.mask, self._job.params)
        if self._check_input(inputs):
            return
        results = self._inpaint(prepared)
        composites = [compose(prepared, result.pixels) for result in results]
        action = self._check_results(composites)
        receipt = _receipt(prepared, results[0], composites[0])
        if action is Action.BLOCK:
            self._finish(self._tools.jobs.block, [], receipt)
            return
        marked = self._mark(composites, inputs, image_bytes)
        images = self._save(marked, held=action is Action.REVIEW)
        self._finish(
            self._tools.jobs.hold_result if action is Action.REVIEW else self._tools.jobs.succeed, images, receipt
        )

    def _load(self) -> tuple[Inputs, bytes]:
        with self._timed("load"):
            image = self._fetch(self._job.image_key)
            mask = self._fetch(self._job.mask_key) if self._job.mask_key else None
            return check_inputs(image, mask, self._job.params), image

    def _fetch(self, key: str) -> bytes:
        self._sign.check()
        return patiently(lambda: self._tools.objects.get(key), self._sign)

    def _check_input(self, inputs: Inputs) -> bool:
        """True when the job ends here: the picture or its mask needs a person, or is refused."""
        self._sign.check()
        with self._timed("check"):
            mask = Image.fromarray(inputs.mask)
            verdict = check_input(Image.fromarray(inputs.image.rgb), mask, self._tools.policy, self._model.classifiers)
        self._verdict = Verdict.merge(self._verdict, verdict)
        if verdict.action is Action.BLOCK:
            self._finish(self._tools.jobs.block, [], {})
        if verdict.action is Action.REVIEW:
            self._tools.jobs.hold_request(self._job, safety=self._verdict.audit_dict())
        return verdict.action in (Action.BLOCK, Action.REVIEW)

    def _inpaint(self, prepared: Prepared) -> list[InpaintResult]:
        futures: list[Future[InpaintResult]] = []
        with self._timed("denoise"):
            for index in range(self._job.params.num_images):
                futures.append(self._tools.engine.submit(self._request(prepared, index)))
            # A stop that came before the last submit found nothing to cancel then.
            if self._sign.reason is not None:
                self.stop(self._sign.reason)
            wait(futures)
        return [future.result() for future in futures]

    def _request(self, prepared: Prepared, index: int) -> InpaintRequest:
        params = self._job.params
        return InpaintRequest(
            id=self._request_id(index),
            image=prepared.image,
            mask=prepared.mask,
            prompt=params.prompt,
            negative_prompt=params.negative_prompt,
            long_prompt=params.long_prompt,
            steps=params.steps,
            strength=params.strength,
            guidance_scale=params.guidance_scale,
            scheduler=params.scheduler,
            eta=params.eta,
            clip_skip=params.clip_skip,
            seed=params.image_seed(index),
            model=params.model,
            prompt_syntax=params.prompt_syntax,
            masked_content=params.masked_content,
            on_step=lambda step, _: self._note_step(index, step),
            previews=self._previews() if index == 0 else None,
        )

    def _previews(self) -> JobPreviews | None:
        """Where to show what is being made; nowhere unless the operator wants it and the request is plainly allowed."""
        if self._tools.previewer is None or self._verdict.action is not Action.ALLOW:
            return None
        return self._tools.previewer.of(self._job, lambda: self._progress.step, self._model.classifiers)

    def _check_results(self, composites: Sequence[Composite]) -> Action:
        self._sign.check()
        with self._timed("check"):
            verdicts = [
                check_result(made.image, made.region, self._tools.policy, self._model.classifiers)
                for made in composites
            ]
        result = Verdict.merge(*verdicts)
        self._verdict = Verdict.merge(self._verdict, result)
        return result.action

    def _mark(self, composites: Sequence[Composite], inputs: Inputs, image_bytes: bytes) -> list[MarkedImage]:
        marked: list[MarkedImage] = []
        with self._timed("mark"):
            for made in composites:
                self._sign.check()
                marked.append(mark_and_sign(made, self._job, inputs.image, image_bytes, self._tools))
        return marked

    def _save(self, marked: Sequence[MarkedImage], *, held: bool) -> list[ResultImage]:
        with self._timed("save"):
            return save(marked, self._job, self._tools.objects, self._sign, held=held)

    def _finish(self, move: Move, images: Sequence[ResultImage], receipt: dict[str, Any]) -> None:
        timings = {name: round(seconds, 4) for name, seconds in self._seconds.items()}
        result = JobResult(
            tuple(images), {**receipt, "timings": timings}, self._verdict.audit_dict(), self._model.identity
        )
        reach("before_finish")
        # If this raises, nobody knows whether the row names the images: they stay, for the collector to judge.
        if move(self._job, result):
            reach("after_commit")
            log.info("job_finished", action=self._verdict.action, **timings)
            return
        # Somebody else owns the job by now: what was stored for it is an orphan.
        log.warning("job_lost_at_finish")
        discard(images, self._tools.objects)

    def _note_step(self, index: int, step: int) -> None:
        self._progress.note(index, step, self._tools.engine.pace.last or 0.0)
        self._heartbeat.progress(self._job, self._progress.step)
        live = Live(self._job.attempt, self._progress.step, self._job.steps)
        self._tools.publisher.progress(self._job.id, live)
        reach("mid_step")

    def _request_id(self, index: int) -> str:
        return f"{self._job.id}.{self._job.attempt}.{index}"

    @contextmanager
    def _timed(self, name: str) -> Iterator[None]:
        began = time.perf_counter()
        yield
        self._seconds[name] = self._seconds.get(name, 0.0) + time.perf_counter() - began


def _waited(job: Job) -> float:
    return (job.started_at - job.created_at).total_seconds() if job.started_at else 0.0


def _receipt(prepared: Prepared, result: InpaintResult, composite: Composite) -> dict[str, Any]:
    return {
        "actual_steps": result.actual_steps,
        "crop_box": list(prepared.crop_box),
        "untouched": composite.untouched,
        "dropped_text": result.dropped_text,
    }
