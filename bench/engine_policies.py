"""Ways to share one device among jobs, on a virtual clock: each turns arrivals into seconds from arrival to file."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence

from bench.goodput import Policy
from bench.traffic import Arrival
from worker.engine.simulated import StepTimes


def naive(times: StepTimes, arrivals: Sequence[Arrival]) -> list[float]:
    """A loop around the eager pipeline, which checks and encodes each picture before it takes the next job."""
    rest = times.begin + times.finish + times.naive_safety + times.naive_encode
    return _one_by_one(arrivals, lambda job: (rest + job.steps * times.naive_step) / 1000)


def sequential(times: StepTimes, arrivals: Sequence[Arrival]) -> list[float]:
    """One job at a time with recorded graphs; files are made elsewhere."""
    waited = _one_by_one(arrivals, lambda job: _seconds(times, [job]))
    return [seconds + times.encode / 1000 for seconds in waited]


def _one_by_one(arrivals: Sequence[Arrival], service: Callable[[Arrival], float]) -> list[float]:
    free, taken = 0.0, []
    for job in arrivals:
        free = max(free, job.at) + service(job)
        taken.append(free - job.at)
    return taken


def _seconds(times: StepTimes, batch: Sequence[Arrival]) -> float:
    """Of a batch that starts and ends together: its jobs have equal steps and rows."""
    first = batch[0]
    alone = times.begin + times.finish + times.safety
    return (len(batch) * alone + first.steps * times.call(len(batch) * first.rows)) / 1000


def static(size: int, window: float) -> Policy:
    """Batches of up to `size` like jobs, those of equal steps that all have guidance or all have none.

    A free device takes the batch whose oldest job has waited longest among those that are full or whose oldest has
    waited `window` seconds.
    """

    def run(times: StepTimes, arrivals: Sequence[Arrival]) -> list[float]:
        return _Static(times, size, window).serve(arrivals)

    return run


class _Static:
    def __init__(self, times: StepTimes, size: int, window: float) -> None:
        self._times = times
        self._size = size
        self._window = window
        self._waiting: dict[tuple[int, bool], deque[Arrival]] = {}
        self._taken: dict[int, float] = {}

    def serve(self, arrivals: Sequence[Arrival]) -> list[float]:
        coming = deque(arrivals)
        now = 0.0
        while coming or self._waiting:
            while coming and coming[0].at <= now:
                job = coming.popleft()
                self._waiting.setdefault((job.steps, job.guided), deque()).append(job)
            now = self._serve_one(now) or self._next_event(coming)
        return [self._taken[id(job)] for job in arrivals]

    def _serve_one(self, now: float) -> float | None:
        """When the batch that starts now ends; None when none is ready."""
        ready = [queue for queue in self._waiting.values() if len(queue) >= self._size or self._due(queue) <= now]
        if not ready:
            return None
        queue = min(ready, key=self._due)
        batch = [queue.popleft() for _ in range(min(self._size, len(queue)))]
        self._waiting = {kind: left for kind, left in self._waiting.items() if left}
        end = now + _seconds(self._times, batch)
        self._taken |= {id(job): end + self._times.encode / 1000 - job.at for job in batch}
        return end

    def _next_event(self, coming: Sequence[Arrival]) -> float:
        return min([*map(self._due, self._waiting.values()), *(job.at for job in list(coming)[:1])])

    def _due(self, queue: deque[Arrival]) -> float:
        return queue[0].at + self._window
