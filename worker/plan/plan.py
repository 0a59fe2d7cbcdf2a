"""The smallest number of GPUs that keeps a promise, and what it is to be expected to do."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable
from dataclasses import dataclass, replace

from worker.engine.simulated import StepTimes
from worker.errors import PlanImpossible
from worker.plan.mix import Mix, arrivals
from worker.plan.one_gpu import Outcome, serve

SEEDS = (1, 2, 3, 4)
MOST_LOST = 0.01
"""The share of jobs that may expire or be refused."""
_HARDLY_ANY = 0.001
"""Jobs a second, each of which is alone."""


@dataclass(frozen=True, slots=True)
class Load:
    """What is asked: `rate` jobs a second of `mix`, 95 of 100 done within `p95_seconds`.

    Each GPU gets its share of the arrivals by chance, `runs` times `jobs` of them.
    """

    rate: float
    mix: Mix
    times: StepTimes
    p95_seconds: float
    row_budget: int
    jobs: int = 500

    def on(self, gpus: int, seeds: Iterable[int] = SEEDS) -> Expected:
        """What to expect of so many GPUs, by one simulation for each seed."""
        runs = [self._serve(gpus, seed) for seed in seeds]
        return Expected.of(runs)

    def _serve(self, gpus: int, seed: int) -> Outcome:
        jobs = arrivals(self.mix, self.rate / gpus, self.jobs, seed)
        return serve(self.times, jobs, self.row_budget, self.mix.max_waiting)


@dataclass(frozen=True, slots=True)
class Expected:
    """Of all runs: seconds that 95 of 100 jobs take at most, shares, and between what bounds single runs lay."""

    p50: float
    p95: float
    p95_best: float
    p95_worst: float
    utilisation: float
    expired: float
    refused: float

    @classmethod
    def of(cls, runs: list[Outcome]) -> Expected:
        """The summary of `runs`."""
        done = [taken for run in runs for taken in run.seconds]
        each = [centile(run.seconds, 95) for run in runs]
        lost = (sum(run.expired for run in runs), sum(run.refused for run in runs))
        asked = len(done) + sum(lost)
        return cls(
            p50=centile(done, 50),
            p95=centile(done, 95),
            p95_best=min(each),
            p95_worst=max(each),
            utilisation=statistics.mean(run.utilisation for run in runs),
            expired=lost[0] / asked,
            refused=lost[1] / asked,
        )

    def keeps(self, p95_seconds: float) -> bool:
        """Whether even the worst run keeps the promise and hardly a job is lost."""
        return self.p95_worst <= p95_seconds and self.expired + self.refused <= MOST_LOST


@dataclass(frozen=True, slots=True)
class Plan:
    """The answer: `gpus` keep the promise, one less does not."""

    load: Load
    gpus: int
    expected: Expected

    def cost_per_thousand(self, gpu_hour: float) -> float:
        """What 1,000 images cost at `gpu_hour` a GPU and hour, idle time included."""
        return self.gpus * gpu_hour / (self.load.rate * self.load.mix.images * 3.6)


def plan(load: Load) -> Plan:
    """Finds it. Raises PlanImpossible where a job alone takes longer than the promise allows."""
    _refuse_hopeless(load)
    low, high = 0, max(1, math.floor(load.rate * _least_seconds(load)))
    tried: dict[int, Expected] = {}

    def keeps(gpus: int) -> bool:
        tried[gpus] = load.on(gpus)
        return tried[gpus].keeps(load.p95_seconds)

    while not keeps(high):
        low, high = high, math.ceil(high * 1.25)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if keeps(middle) else (middle, high)
    return Plan(load, high, tried[high])


def _refuse_hopeless(load: Load) -> None:
    alone = replace(load, rate=_HARDLY_ANY).on(1)
    if not alone.keeps(load.p95_seconds):
        lost = alone.expired + alone.refused
        why = f"{lost:.0%} of them are lost" if lost > MOST_LOST else f"95 of 100 take up to {alone.p95_worst:.2f} s"
        raise PlanImpossible(
            f"Jobs that have a GPU to themselves do not keep the promise: {why}. Allow more time by --p95, or change "
            "the steps or deadlines of the mix."
        )


def _least_seconds(load: Load) -> float:
    """Of a GPU for an average job, if every call were full."""
    times, full = load.times, load.times.call(load.row_budget) / load.row_budget
    fixed = times.begin + times.finish + times.safety
    sample = arrivals(load.mix, load.rate, load.jobs, SEEDS[0])
    work = (job.images * (job.steps * (2 if job.guided else 1) * full + fixed) for job in sample)
    return statistics.mean(work) / 1000


def centile(values: Iterable[float], percent: float) -> float:
    """The smallest value that at least `percent` of the values do not exceed; infinity where there is none."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(percent / 100 * len(ordered)) - 1)] if ordered else math.inf
