"""A request inside the engine, with the future that its sender waits on."""

from __future__ import annotations

from collections.abc import Hashable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

from worker.engine.protocol import Trajectory
from worker.engine.request import InpaintRequest, InpaintResult, Pixels


@dataclass(slots=True, eq=False)
class Ticket:
    """Owned by the engine thread, except `canceled`, which the engine's lock guards."""

    request: InpaintRequest
    future: Future[InpaintResult] = field(default_factory=Future)
    canceled: bool = False
    trajectory: Any = None
    seconds: dict[str, float] = field(default_factory=dict)
    denoise_began: float = 0.0
    had_second_try: bool = False

    @property
    def group(self) -> Hashable:
        """See batcher.Member."""
        return self._running.group

    @property
    def rows(self) -> int:
        """See batcher.Member."""
        return self._running.rows

    @property
    def work(self) -> float:
        """See batcher.Member."""
        return self._running.work

    @property
    def denoised(self) -> bool:
        """True once no UNet call is left."""
        return self._running.calls_left == 0

    def report_step(self) -> None:
        """Tell the sender how far it is. PNDM spends one extra UNet call on its first step, so calls are counted
        from the end, as the diffusers pipeline does."""
        if self.request.on_step is not None:
            total = self.request.actual_steps
            self.request.on_step(max(0, total - self._running.calls_left), total)

    def result(self, pixels: Pixels) -> InpaintResult:
        """The answer to the sender."""
        return InpaintResult(pixels, self.request.actual_steps, self._running.dropped_text, self.seconds)

    @property
    def _running(self) -> Trajectory:
        trajectory: Trajectory | None = self.trajectory
        if trajectory is None:
            raise RuntimeError(f"request {self.request.id} has not begun")
        return trajectory
