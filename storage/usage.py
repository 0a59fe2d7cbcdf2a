"""What a tenant used: how many jobs ended how, and what they took."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(slots=True)
class Usage:
    """`jobs` counts by final state. `unet_rows` is the work that was done, also for jobs that were stopped.

    `gpu_seconds` adds up the time that each job spent denoising; jobs that share a GPU each count their own, so that
    the sum may exceed the time that passed.
    """

    jobs: dict[str, int] = field(default_factory=dict)
    images: int = 0
    unet_rows: float = 0.0
    gpu_seconds: float = 0.0

    def add(self, state: str, row: Mapping[str, float]) -> None:
        """Adds jobs that ended in `state`."""
        self.jobs[state] = self.jobs.get(state, 0) + int(row["jobs"])
        self.images += int(row["images"])
        self.unet_rows += row["unet_rows"]
        self.gpu_seconds += row["gpu_seconds"]

    def merge(self, other: Usage) -> None:
        """Adds all of `other`."""
        for state, count in other.jobs.items():
            self.jobs[state] = self.jobs.get(state, 0) + count
        self.images += other.images
        self.unet_rows += other.unet_rows
        self.gpu_seconds += other.gpu_seconds
