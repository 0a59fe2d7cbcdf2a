"""The highest rate of arrivals at which a policy keeps its promise, and the settings with which it does best."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from bench.traffic import Arrival, Mix, poisson
from worker.engine.simulated import StepTimes

LIMIT_SECONDS = 2.0
Policy = Callable[[StepTimes, Sequence[Arrival]], list[float]]
K = TypeVar("K")


@dataclass(frozen=True, slots=True)
class Traces:
    """What every policy is measured on: for each seed `jobs` arrivals, at whatever rate is tried."""

    times: StepTimes
    mix: Mix
    jobs: int
    seeds: tuple[int, ...]

    def at(self, rate: float) -> list[list[Arrival]]:
        """The arrivals at `rate` jobs a second, a list for each seed."""
        return [poisson(self.mix, rate, self.jobs, seed) for seed in self.seeds]

    def seconds(self, policy: Policy, rate: float) -> list[float]:
        """Seconds from arrival to file of all jobs."""
        return [taken for trace in self.at(rate) for taken in policy(self.times, trace)]


def centile(values: Iterable[float], percent: float) -> float:
    """The smallest value that at least `percent` of the values do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(percent / 100 * len(ordered)) - 1)]


def goodput(policy: Policy, traces: Traces, low: float = 0.125, high: float = 16.0, within: float = 0.01) -> float:
    """Jobs a second up to which 95 of 100 jobs take at most LIMIT_SECONDS, to a share `within`, between two bounds."""
    while high / low > 1 + within:
        rate = math.sqrt(low * high)
        if centile(traces.seconds(policy, rate), 95) <= LIMIT_SECONDS:
            low = rate
        else:
            high = rate
    return low


def best(policies: dict[K, Policy], traces: Traces) -> K:
    """The key of the policy with the highest goodput on `traces`; the first of equals."""
    return max(policies, key=lambda key: goodput(policies[key], traces, within=0.03))
