"""The engine on a virtual clock: the real batcher and engine, with a table of step times in place of a device.

Hours of traffic pass in seconds, and the same traffic gives the same figures on every machine.
"""

from __future__ import annotations

import heapq
import itertools
import json
from bisect import bisect_left
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import numpy as np

from worker.engine.engine import Engine
from worker.engine.request import InpaintRequest, Pixels


@dataclass(frozen=True, slots=True)
class StepTimes:
    """Milliseconds of one device. `source` says where they come from: a measurement, or a model of one.

    `unet` maps rows of a UNet call to its time. Row counts between those listed are padded to the next one, as fixed
    row buckets do. `begin` is one picture's text and VAE encoding, `finish` its decoding, `safety` its check and
    `encode` its file at PNG level 1, which no device is needed for. The `naive_` ones belong to a loop around the
    eager pipeline: one denoising step of one picture, with guidance or without; the check; a file at the default level.
    """

    source: str
    unet: dict[int, float]
    begin: float
    finish: float
    safety: float
    encode: float
    naive_step: float
    naive_safety: float
    naive_encode: float

    @classmethod
    def read(cls, path: Path) -> Self:
        """The table in a JSON file whose keys are these fields."""
        table = json.loads(path.read_text(encoding="utf-8"))
        return cls(**{**table, "unet": {int(rows): taken for rows, taken in sorted(table["unet"].items(), key=_rows)}})

    def call(self, rows: int) -> float:
        """Milliseconds of a UNet call of `rows` rows. Raises ValueError for more than the table lists."""
        listed = list(self.unet)
        place = bisect_left(listed, rows)
        if place == len(listed):
            raise ValueError(f"the table ends at {listed[-1]} rows and {rows} were asked for: use a smaller row budget")
        return self.unet[listed[place]]


def _rows(item: tuple[str, float]) -> int:
    return int(item[0])


class VirtualClock:
    """Seconds that pass only when somebody says so. Whatever is due meanwhile happens at its own moment."""

    def __init__(self) -> None:
        self._now = 0.0
        self._order = itertools.count()
        self._due: list[tuple[float, int, Callable[[], object]]] = []

    def __call__(self) -> float:
        """The time, in seconds from the start."""
        return self._now

    def at(self, moment: float, act: Callable[[], object]) -> None:
        """Have `act()` called when the clock reads `moment`, as another thread might."""
        heapq.heappush(self._due, (moment, next(self._order), act))

    def advance(self, seconds: float) -> None:
        """Let `seconds` pass."""
        end = self._now + seconds
        while self._due and self._due[0][0] <= end:
            self._now, _, act = heapq.heappop(self._due)
            act()
        self._now = end

    def skip(self) -> bool:
        """Let time pass until something is due, and do that. False: nothing will ever be."""
        if not self._due:
            return False
        self.advance(max(0.0, self._due[0][0] - self._now))
        return True


@dataclass(slots=True, eq=False)
class SimulatedTrajectory:
    """A request of which only the arithmetic of its steps is left."""

    request: InpaintRequest
    rows: int
    calls_left: int
    precise: bool = False
    dropped_text: dict[str, str] = field(default_factory=dict)

    @property
    def group(self) -> Hashable:
        """Rows of one UNet call need one shape."""
        return self.request.mask.shape

    @property
    def work(self) -> float:
        """Rows x pixels."""
        return self.rows * self.request.mask.size


class SimulatedRunner:
    """A device whose only effect is that time passes. `calls` is the rows of each UNet call so far.

    `wait(seconds)` is VirtualClock.advance, or time.sleep for what runs beside a device in real time.
    """

    def __init__(self, times: StepTimes, wait: Callable[[float], None]) -> None:
        self._times = times
        self._wait = wait
        self.calls: list[int] = []

    def begin(self, request: InpaintRequest, precise: bool = False) -> SimulatedTrajectory:
        """See Runner."""
        self._pass(self._times.begin)
        return SimulatedTrajectory(request, 2 if request.guidance_scale > 1 else 1, request.actual_steps, precise)

    def predict(self, batch: Sequence[SimulatedTrajectory]) -> list[None]:
        """See Runner."""
        rows = sum(trajectory.rows for trajectory in batch)
        self.calls.append(rows)
        self._pass(self._times.call(rows))
        return [None] * len(batch)

    def advance(self, trajectory: SimulatedTrajectory, prediction: None) -> None:  # noqa: ARG002
        """See Runner."""
        trajectory.calls_left -= 1

    def finish(self, batch: Sequence[SimulatedTrajectory]) -> list[Pixels]:
        """See Runner."""
        self._pass(self._times.finish * len(batch))
        return [np.zeros((*trajectory.request.mask.shape, 3), np.uint8) for trajectory in batch]

    def check(self) -> None:
        """The safety check of one picture, to be handed to Engine.call."""
        self._pass(self._times.safety)

    def _pass(self, milliseconds: float) -> None:
        self._wait(milliseconds / 1000)


def run_until_done(engine: Engine, clock: VirtualClock) -> None:
    """Turn an engine that was not started, on this thread, until it has nothing to do and the clock has nothing due."""
    while engine.turn() or clock.skip():
        pass
