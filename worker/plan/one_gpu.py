"""One GPU under arrivals: the product's engine and batcher on a virtual clock."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field

import numpy as np

from storage.params import LongPrompt, SchedulerName
from worker.engine.engine import Engine
from worker.engine.request import CELL, InpaintRequest, InpaintResult
from worker.engine.simulated import SimulatedRunner, StepTimes, VirtualClock, run_until_done
from worker.plan.mix import Arrival

GUIDANCE, NO_GUIDANCE = 7.5, 1.0
WARM_UP = 0.1
"""The share of the arrivals that find the GPU emptier than it will be, and do not count."""


@dataclass(slots=True)
class Outcome:
    """What became of the jobs that count. `seconds` are those from arrival to file of the jobs that were done."""

    seconds: list[float] = field(default_factory=list)
    expired: int = 0
    refused: int = 0
    utilisation: float = 0.0


def serve(times: StepTimes, jobs: Sequence[Arrival], row_budget: int, max_waiting: int | None) -> Outcome:
    """Has one GPU serve `jobs`, with calls of up to `row_budget` rows. Beyond `max_waiting` waiting jobs it refuses."""
    clock = VirtualClock()
    gpu = _Gpu(times, clock, row_budget, max_waiting)
    for number, job in enumerate(jobs):
        visit = _Visit(gpu, number, job, counts=number >= len(jobs) * WARM_UP)
        clock.at(job.at, visit.arrive)
    run_until_done(gpu.engine, clock)
    gpu.outcome.utilisation = gpu.busy / clock() if clock() else 0.0
    return gpu.outcome


class _Gpu:
    def __init__(self, times: StepTimes, clock: VirtualClock, row_budget: int, max_waiting: int | None) -> None:
        self.times, self.clock, self.max_waiting = times, clock, max_waiting
        self.runner = SimulatedRunner(times, self._work)
        self.engine = Engine(self.runner, row_budget, clock=clock)
        self.outcome = Outcome()
        self.waiting = 0
        self.busy = 0.0

    def _work(self, seconds: float) -> None:
        self.busy += seconds
        self.clock.advance(seconds)


class _Visit:
    """One job from arrival to its last file."""

    def __init__(self, gpu: _Gpu, number: int, job: Arrival, *, counts: bool) -> None:
        self._gpu, self._number, self._job, self._counts = gpu, number, job, counts
        self._left = job.images
        self._waits = True
        self._late = False

    def arrive(self) -> None:
        gpu, job = self._gpu, self._job
        if gpu.max_waiting is not None and gpu.waiting >= gpu.max_waiting:
            gpu.outcome.refused += self._counts
            return
        gpu.waiting += 1
        for index in range(job.images):
            request = _request(f"{self._number}-{index}", job, self._stepped)
            gpu.engine.submit(request).add_done_callback(self._painted)
        if job.deadline_seconds is not None:
            gpu.clock.at(job.at + job.deadline_seconds, self._expire)

    def _stepped(self, _done: int, _total: int) -> None:
        self._start()

    def _start(self) -> None:
        self._gpu.waiting -= self._waits
        self._waits = False

    def _expire(self) -> None:
        if self._left and not self._late:
            self._late = True
            self._start()
            self._gpu.outcome.expired += self._counts
            for index in range(self._job.images):
                self._gpu.engine.cancel(f"{self._number}-{index}")

    def _painted(self, future: Future[InpaintResult]) -> None:
        if future.exception() is None:
            self._gpu.engine.call(self._gpu.runner.check).add_done_callback(self._checked)

    def _checked(self, _future: Future[None]) -> None:
        self._left -= 1
        if self._left == 0 and not self._late and self._counts:
            self._gpu.outcome.seconds.append(self._gpu.clock() - self._job.at + self._gpu.times.encode / 1000)


def _request(name: str, job: Arrival, on_step: Callable[[int, int], None]) -> InpaintRequest:
    """A request as small as one can be: its steps and its rows are what takes time."""
    return InpaintRequest(
        id=name,
        image=np.zeros((CELL, CELL, 3), np.uint8),
        mask=np.ones((CELL, CELL), bool),
        prompt=name,
        negative_prompt="",
        long_prompt=LongPrompt.CHUNK,
        steps=job.steps,
        strength=1.0,
        guidance_scale=GUIDANCE if job.guided else NO_GUIDANCE,
        scheduler=SchedulerName.DEFAULT,
        eta=0.0,
        clip_skip=0,
        seed=0,
        on_step=on_step,
    )
