"""The product's own engine and batcher under random arrivals, on a virtual clock."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field

from bench.goodput import Policy
from bench.paint_requests import paint_request
from bench.traffic import Arrival
from worker.engine.engine import Engine
from worker.engine.request import CELL, InpaintResult
from worker.engine.simulated import SimulatedRunner, StepTimes, VirtualClock, run_until_done


@dataclass(slots=True)
class Figures:
    """What became of the arrivals. Seconds from arrival to file, by arrival; NaN for one that was canceled.

    `joined` is how many UNet calls began after an arrival until it took part in one: 1 is the very next. `over` is how
    many steps a canceled job still made after its cancel: 1 is the one that was under way. `rows` is of each call.
    """

    taken: list[float]
    joined: list[int] = field(default_factory=list)
    over: list[int] = field(default_factory=list)
    rows: list[int] = field(default_factory=list)


def continuous(row_budget: int) -> Policy:
    """The policy: jobs join and leave between UNet calls of up to `row_budget` rows."""

    def run(times: StepTimes, arrivals: Sequence[Arrival]) -> list[float]:
        return simulate(times, arrivals, row_budget).taken

    return run


def simulate(
    times: StepTimes, arrivals: Sequence[Arrival], row_budget: int, cancel_after: Sequence[float | None] = ()
) -> Figures:
    """Run the engine on `arrivals`; job i is canceled `cancel_after[i]` seconds after it came, unless that is None."""
    clock = VirtualClock()
    runner = SimulatedRunner(times, clock.advance)
    engine = Engine(runner, row_budget, clock=clock)
    figures = Figures([float("nan")] * len(arrivals))
    for number, job in enumerate(arrivals):
        visit = _Visit(number, job, engine, runner, clock, times, figures)
        clock.at(job.at, visit.arrive)
        after = cancel_after[number] if number < len(cancel_after) else None
        if after is not None:
            clock.at(job.at + after, visit.cancel)
    run_until_done(engine, clock)
    figures.rows = runner.calls
    return figures


class _Visit:
    """One job from arrival to file, with the callbacks that see it pass."""

    def __init__(
        self,
        number: int,
        job: Arrival,
        engine: Engine,
        runner: SimulatedRunner,
        clock: VirtualClock,
        times: StepTimes,
        figures: Figures,
    ) -> None:
        self._number, self._job, self._engine, self._runner = number, job, engine, runner
        self._clock, self._times, self._figures = clock, times, figures
        self._calls_before = 0
        self._over: int | None = None

    def arrive(self) -> None:
        self._calls_before = len(self._runner.calls)
        request = paint_request(self._number, CELL, self._job.steps, self._job.guided, self._stepped)
        self._engine.submit(request).add_done_callback(self._painted)

    def cancel(self) -> None:
        if self._engine.cancel(str(self._number)):
            self._over = 0

    def _stepped(self, done: int, _total: int) -> None:
        if done == 1:
            self._figures.joined.append(len(self._runner.calls) - self._calls_before)
        if self._over is not None:
            self._over += 1

    def _painted(self, future: Future[InpaintResult]) -> None:
        if future.exception() is None:
            self._engine.call(self._runner.check).add_done_callback(self._checked)
        elif self._over is not None:
            self._figures.over.append(self._over)

    def _checked(self, _future: Future[None]) -> None:
        taken = self._clock() - self._job.at + self._times.encode / 1000
        self._figures.taken[self._number] = taken
