"""Ways to share one device among jobs, on a virtual clock: each turns arrivals into seconds from arrival to file."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence

from bench.goodput import Policy
from bench.like_jobs import LikeJobs
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
    """Batches of like jobs; see LikeJobs."""

    def run(times: StepTimes, arrivals: Sequence[Arrival]) -> list[float]:
        jobs, coming = LikeJobs[Arrival](size, window), deque(arrivals)
        now, taken = 0.0, dict[int, float]()
        while coming or jobs:
            while coming and coming[0].at <= now:
                jobs.add(coming.popleft())
            batch = jobs.take(now)
            if not batch:
                moments = [jobs.next_due(), coming[0].at if coming else None]
                now = min(moment for moment in moments if moment is not None)
                continue
            now += _seconds(times, batch)
            taken |= {id(job): now + times.encode / 1000 - job.at for job in batch}
        return [taken[id(job)] for job in arrivals]

    return run
