"""How much of its time a GPU does nothing, from the intervals of its kernels."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import torch
from torch._C._autograd import DeviceType
from torch.profiler import ProfilerActivity, profile

Interval = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Idle:
    """`share` of the time in which no kernel ran, and the milliseconds of it for each UNet call."""

    share: float
    gap: float


def covered(intervals: Iterable[Interval]) -> float:
    """The length of the union of the intervals."""
    total, reached = 0.0, float("-inf")
    for start, end in sorted(intervals):
        total += max(0.0, end - max(start, reached))
        reached = max(reached, end)
    return total


def watch(seconds: float, calls: Callable[[], int]) -> Idle | None:
    """Watch whatever runs for `seconds`; `calls()` counts UNet calls. None where there is no GPU, or no kernel ran."""
    if not torch.cuda.is_available():
        return None
    with profile(activities=[ProfilerActivity.CUDA]) as profiler:
        before = calls()
        time.sleep(seconds)
        made = calls() - before
    kernels = [
        (event.time_range.start, event.time_range.end)
        for event in profiler.events() or ()
        if event.device_type is DeviceType.CUDA
    ]
    return idle_of(kernels, made) if kernels else None


def idle_of(kernels: list[Interval], calls: int) -> Idle:
    """From the first kernel's start to the last one's end; intervals in microseconds."""
    span = max(end for _, end in kernels) - min(start for start, _ in kernels)
    idle = span - covered(kernels)
    return Idle(idle / span, idle / 1000 / max(1, calls))
