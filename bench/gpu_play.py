"""Playing arrivals to a server in real time, and keeping it full."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from bench.gpu_server import Order, Server
from bench.traffic import Arrival


@dataclass(frozen=True, slots=True)
class Played:
    """Seconds from arrival to file of each job; of the `unserved` ones, the seconds that they had waited at the end."""

    taken: list[float]
    unserved: int


@dataclass(frozen=True, slots=True)
class Rates:
    """Images a second, and denoising steps of images with guidance a second: half the rows."""

    images: float
    cfg_steps: float


def play(server: Server, arrivals: Sequence[Arrival], patience: float) -> Played:
    """Submit `arrivals` on time, then wait up to `patience` seconds for what is left, and close the server."""
    began, ends = time.monotonic(), dict[int, float]()
    everything = threading.Event()

    def end(number: int) -> None:
        ends[number] = time.monotonic()
        if len(ends) == len(arrivals):
            everything.set()

    for number, job in enumerate(arrivals):
        time.sleep(max(0.0, began + job.at - time.monotonic()))
        server.submit(Order(number, began + job.at, job.steps, job.guided, partial(end, number)))
    everything.wait(patience)
    now, served = time.monotonic(), dict(ends)
    server.close()
    taken = [served.get(number, now) - began - job.at for number, job in enumerate(arrivals)]
    return Played(taken, len(arrivals) - len(served))


class Saturation:
    """Keeps `depth` jobs in a server, each replaced as it ends."""

    def __init__(self, server: Server, jobs: Sequence[Arrival], depth: int) -> None:
        self._server = server
        self._jobs = jobs
        self._lock = threading.Lock()
        self._count = 0
        self.ended = 0
        for _ in range(depth):
            self._add()

    def _add(self) -> None:
        with self._lock:
            number = self._count
            self._count += 1
        job = self._jobs[number % len(self._jobs)]
        self._server.submit(Order(number, time.monotonic(), job.steps, job.guided, self._one_ended))

    def _one_ended(self) -> None:
        with self._lock:
            self.ended += 1
        self._add()

    def rates(self, warm_up: float, seconds: float) -> Rates:
        """Over `seconds`, after `warm_up`."""
        time.sleep(warm_up)
        began, images, rows = time.monotonic(), self.ended, self._server.rows_done
        time.sleep(seconds)
        passed = time.monotonic() - began
        return Rates((self.ended - images) / passed, (self._server.rows_done - rows) / 2 / passed)
