"""Several loaded models behind one engine: each request goes to the runner of its model."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from worker.engine.protocol import Runner, Trajectory
from worker.engine.request import InpaintRequest, Pixels
from worker.errors import RequestUnsupported


@dataclass(frozen=True, slots=True, eq=False)
class Dispatched:
    """A trajectory of one model; those of different models never share a call."""

    model: str
    inner: Trajectory

    @property
    def group(self) -> Hashable:
        """See Trajectory."""
        return self.model, self.inner.group

    @property
    def rows(self) -> int:
        """See Trajectory."""
        return self.inner.rows

    @property
    def work(self) -> float:
        """See Trajectory."""
        return self.inner.work

    @property
    def precise(self) -> bool:
        """See Trajectory."""
        return self.inner.precise

    @property
    def calls_left(self) -> int:
        """See Trajectory."""
        return self.inner.calls_left

    @property
    def dropped_text(self) -> dict[str, str]:
        """See Trajectory."""
        return self.inner.dropped_text


class Dispatch:
    """A Runner made of one runner for each model alias."""

    def __init__(self, runners: Mapping[str, Runner[Any, Any]]) -> None:
        self._runners = runners

    def begin(self, request: InpaintRequest, precise: bool = False) -> Dispatched:
        """See Runner. Raises RequestUnsupported for a model that is not loaded here."""
        if request.model not in self._runners:
            raise RequestUnsupported(f"this worker has not loaded the model {request.model!r}; see INPAINTD_MODELS")
        return Dispatched(request.model, self._runners[request.model].begin(request, precise))

    def predict(self, batch: Sequence[Dispatched]) -> Sequence[Any]:
        """See Runner."""
        return self._of(batch).predict([one.inner for one in batch])

    def advance(self, trajectory: Dispatched, prediction: Any) -> None:
        """See Runner."""
        self._runners[trajectory.model].advance(trajectory.inner, prediction)

    def finish(self, batch: Sequence[Dispatched]) -> Sequence[Pixels]:
        """See Runner."""
        return self._of(batch).finish([one.inner for one in batch])

    def _of(self, batch: Sequence[Dispatched]) -> Runner[Any, Any]:
        return self._runners[batch[0].model]
