"""A runner without networks: each UNet call counts one; named requests fail where they are told to."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field

import numpy as np

from worker.engine.request import InpaintRequest, Pixels


@dataclass(eq=False)
class FakeTrajectory:
    request: InpaintRequest
    calls_left: int
    precise: bool = False
    dropped_text: dict[str, str] = field(default_factory=dict)

    @property
    def rows(self) -> int:
        return 2 if self.request.guidance_scale > 1 else 1

    @property
    def work(self) -> float:
        return self.rows * self.request.mask.size

    @property
    def group(self) -> Hashable:
        return self.precise, *self.request.mask.shape


class FakeRunner:
    """`failures` maps (stage, request id) to an error; `gate` holds every UNet call until it is set."""

    def __init__(self, failures: dict[tuple[str, str], Exception] | None = None) -> None:
        self.failures = failures or {}
        self.gate = threading.Event()
        self.gate.set()
        self.entered = threading.Event()
        self.batches: list[list[str]] = []
        self.decoded: list[list[str]] = []
        self.predicting = False
        self.on_finish: Callable[[str], None] = lambda name: None

    def begin(self, request: InpaintRequest, precise: bool = False) -> FakeTrajectory:
        self._maybe_fail("begin", request.id)
        return FakeTrajectory(request, request.actual_steps, precise)

    def predict(self, batch: Sequence[FakeTrajectory]) -> list[int]:
        self.predicting = True
        self.entered.set()
        if not self.gate.wait(10):
            raise TimeoutError("the test never opened the gate")
        self.predicting = False
        names = [trajectory.request.id for trajectory in batch]
        self.batches.append(names)
        for name in names:
            self._maybe_fail("predict", name)
        return [1] * len(batch)

    def advance(self, trajectory: FakeTrajectory, prediction: int) -> None:
        self._maybe_fail("advance", trajectory.request.id)
        trajectory.calls_left -= prediction

    def finish(self, batch: Sequence[FakeTrajectory]) -> list[Pixels]:
        names = [trajectory.request.id for trajectory in batch]
        for name in names:
            self._maybe_fail("finish", name)
        for name in names:
            self.on_finish(name)
        self.decoded.append(names)
        return [np.zeros((8, 8, 3), dtype=np.uint8) for _ in batch]

    def _maybe_fail(self, stage: str, name: str) -> None:
        if (stage, name) in self.failures:
            raise self.failures[stage, name]
