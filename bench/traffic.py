"""Jobs that arrive at random, the same ones for everybody who is measured."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Arrival:
    """A job and the second at which it comes."""

    at: float
    steps: int
    guided: bool

    @property
    def rows(self) -> int:
        """Rows of a UNet call: guidance takes two."""
        return 2 if self.guided else 1


@dataclass(frozen=True, slots=True)
class Mix:
    """What jobs ask for: steps drawn from `steps`, guidance in a share `guided` of them."""

    name: str
    steps: Sequence[int]
    guided: float


def poisson(mix: Mix, rate: float, count: int, seed: int) -> list[Arrival]:
    """`count` arrivals at `rate` a second on average. Another rate brings the same jobs, nearer or further apart."""
    rng = random.Random(seed)
    arrivals, at = [], 0.0
    for _ in range(count):
        at += rng.expovariate(1.0) / rate
        arrivals.append(Arrival(at, rng.choice(mix.steps), rng.random() < mix.guided))
    return arrivals
