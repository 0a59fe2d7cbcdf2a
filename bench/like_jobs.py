"""Which jobs a static batch is made of. Knows no device and no clock."""

from __future__ import annotations

from collections import deque
from typing import Generic, Protocol, TypeVar


class Job(Protocol):
    """A job that waits since second `at`."""

    @property
    def at(self) -> float: ...

    @property
    def steps(self) -> int: ...

    @property
    def guided(self) -> bool: ...


J = TypeVar("J", bound=Job)


class LikeJobs(Generic[J]):
    """Batches of up to `size` like jobs: those of equal steps that all have guidance or all have none.

    Ready is a batch that is full, or whose oldest job has waited `window` seconds; of several the one whose oldest
    waits longest is taken.
    """

    def __init__(self, size: int, window: float) -> None:
        self._size = size
        self._window = window
        self._waiting: dict[tuple[int, bool], deque[J]] = {}

    def __len__(self) -> int:
        return sum(map(len, self._waiting.values()))

    def add(self, job: J) -> None:
        """Let `job` wait."""
        self._waiting.setdefault((job.steps, job.guided), deque()).append(job)

    def take(self, now: float) -> list[J]:
        """The batch that runs now; empty when none is ready."""
        ready = [queue for queue in self._waiting.values() if len(queue) >= self._size or self._due(queue) <= now]
        if not ready:
            return []
        queue = min(ready, key=self._due)
        batch = [queue.popleft() for _ in range(min(self._size, len(queue)))]
        self._waiting = {kind: left for kind, left in self._waiting.items() if left}
        return batch

    def next_due(self) -> float | None:
        """When a batch will be ready even if nobody else comes; None when nobody waits."""
        return min(map(self._due, self._waiting.values()), default=None)

    def _due(self, queue: deque[J]) -> float:
        return queue[0].at + self._window
