"""What the engine needs of whoever runs the networks: a real device, a simulated one, or one that fails on purpose."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Protocol, TypeVar

from worker.engine.request import InpaintRequest, Pixels


class Trajectory(Protocol):
    """One request on its way from noise to picture; the engine reads only what is named here."""

    @property
    def group(self) -> Hashable:
        """Trajectories of equal group fit into one UNet call."""
        ...

    @property
    def rows(self) -> int:
        """Rows it takes in a UNet call."""
        ...

    @property
    def work(self) -> float:
        """Device time of one of its UNet calls, in any unit that is the same for all of a runner's trajectories."""
        ...

    @property
    def precise(self) -> bool:
        """True when it is computed in float32, so that no other try could come out better."""
        ...

    @property
    def calls_left(self) -> int:
        """UNet calls until the latents are finished."""
        ...

    @property
    def dropped_text(self) -> dict[str, str]:
        """See InpaintResult."""
        ...


T = TypeVar("T", bound=Trajectory)
P = TypeVar("P")


class Runner(Protocol[T, P]):
    """Runs networks. Called from one thread only. Any method may raise; DeviceLost ends the engine."""

    def begin(self, request: InpaintRequest, precise: bool = False) -> T:
        """Encode text and picture, draw the noise, set up the sampler; all in float32 if `precise`."""
        ...

    def predict(self, batch: Sequence[T]) -> Sequence[P]:
        """One UNet call for trajectories of one group, one prediction each, in order.

        Leaves the trajectories as they are, so that a call that failed can be repeated for each alone.
        """
        ...

    def advance(self, trajectory: T, prediction: P) -> None:
        """Take one sampler step."""
        ...

    def finish(self, batch: Sequence[T]) -> Sequence[Pixels]:
        """Decode the finished latents of one group to uint8 (h, w, 3) each, in order.

        Raises NumericalFailure for NaN or infinity in any of them. Leaves the trajectories as they are.
        """
        ...
