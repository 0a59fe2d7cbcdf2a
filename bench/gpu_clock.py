"""How long work takes on a device, by its own events; and how long the host waits for it."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any

import torch

from worker.engine.devices import Device

TIMES, WARM_UP = 20, 3


class DeviceClock:
    """Medians of `times` runs, in milliseconds. On a CPU, where nothing runs behind the host's back, by its clock."""

    def __init__(self, device: Device, times: int) -> None:
        self._times = times
        self._warm_up = min(WARM_UP, times)
        self._on_cuda = device.kind == "cuda"

    def median(self, work: Callable[[], Any]) -> float:
        """Of the device's time from the start of `work()` to its end, with the host ahead of the device."""
        return self._by_events(work) if self._on_cuda else self.median_on_host(work)

    def median_on_host(self, work: Callable[[], Any]) -> float:
        """Of what somebody waits who needs the outcome of `work()`."""
        _repeat(work, self._warm_up)
        taken = []
        for _ in range(self._times):
            self.wait()
            began = time.perf_counter()
            work()
            self.wait()
            taken.append((time.perf_counter() - began) * 1000)
        return statistics.median(taken)

    def wait(self) -> None:
        """Until the device has done everything that it was given."""
        if self._on_cuda:
            torch.cuda.synchronize()

    def _by_events(self, work: Callable[[], Any]) -> float:
        _repeat(work, self._warm_up)
        pairs = [[torch.cuda.Event(enable_timing=True) for _ in range(2)] for _ in range(self._times)]
        for began, ended in pairs:
            began.record()
            work()
            ended.record()
        torch.cuda.synchronize()
        return statistics.median(float(began.elapsed_time(ended)) for began, ended in pairs)


def _repeat(work: Callable[[], Any], times: int) -> None:
    for _ in range(times):
        work()
