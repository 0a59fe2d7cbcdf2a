"""A device that fails on purpose: any runner, with faults at chosen calls."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any

from worker.engine.request import InpaintRequest, Pixels

Fault = Callable[[str, int, Sequence[Any]], None]
"""Called before each call with its name, how many of that name came before, and the trajectories; raises, or waits."""


class FaultyRunner:
    """`inner` with faults. Stages are the methods of Runner; "begin" comes without trajectories."""

    def __init__(self, inner: Any, *faults: Fault) -> None:
        self.inner = inner
        self.calls: list[tuple[str, int]] = []
        """Every call that was tried: its stage and its rows."""
        self._faults = faults

    def begin(self, request: InpaintRequest, precise: bool = False) -> Any:
        self._meet("begin", [])
        return self.inner.begin(request, precise)

    def predict(self, batch: Sequence[Any]) -> Sequence[Any]:
        self._meet("predict", batch)
        return self.inner.predict(batch)

    def advance(self, trajectory: Any, prediction: Any) -> None:
        self._meet("advance", [trajectory])
        self.inner.advance(trajectory, prediction)

    def finish(self, batch: Sequence[Any]) -> Sequence[Pixels]:
        self._meet("finish", batch)
        return self.inner.finish(batch)

    def _meet(self, stage: str, batch: Sequence[Any]) -> None:
        before = sum(1 for name, _ in self.calls if name == stage)
        self.calls.append((stage, sum(trajectory.rows for trajectory in batch)))
        for fault in self._faults:
            fault(stage, before, batch)


def at(stage: str, index: int, error: Exception) -> Fault:
    """The call of that stage with that number, from 0, raises."""

    def fault(name: str, before: int, batch: Sequence[Any]) -> None:
        if (name, before) == (stage, index):
            raise error

    return fault


def above(stage: str, rows: int, error: Exception) -> Fault:
    """Every call of that stage with more rows raises."""

    def fault(name: str, before: int, batch: Sequence[Any]) -> None:
        if name == stage and sum(trajectory.rows for trajectory in batch) > rows:
            raise error

    return fault


def unless_precise(stage: str, error: Exception) -> Fault:
    """Every call of that stage in half precision raises."""

    def fault(name: str, before: int, batch: Sequence[Any]) -> None:
        if name == stage and not all(trajectory.precise for trajectory in batch):
            raise error

    return fault


def hang(stage: str, index: int, gate: threading.Event) -> Fault:
    """The call of that stage with that number waits for `gate`."""

    def fault(name: str, before: int, batch: Sequence[Any]) -> None:
        if (name, before) == (stage, index) and not gate.wait(10):
            raise TimeoutError("the test never opened the gate")

    return fault
