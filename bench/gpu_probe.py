"""How soon a job joins an engine that is at work, and how soon it is gone after its cancel."""

from __future__ import annotations

import threading
from concurrent.futures import wait

from bench.paint_requests import paint_request
from worker.engine.engine import Engine

STEPS, WAIT_SECONDS = 60, 60.0


def probe(engine: Engine, side: int, times: int) -> tuple[list[int], list[int]]:
    """For each of `times` jobs that join another one: UNet calls that ended from its submit to the first that it took
    part in, that one included; and steps that it still made after its cancel."""
    probes = [_Newcomer(engine, side, number) for number in range(times)]
    for each in probes:
        each.run()
    return [each.joined for each in probes], [each.over for each in probes]


class _Newcomer:
    def __init__(self, engine: Engine, side: int, number: int) -> None:
        self._engine = engine
        self._host = paint_request(2 * number, side, STEPS, True, self._host_stepped)
        self._own = paint_request(2 * number + 1, side, STEPS, True, self._stepped)
        self._host_runs, self._runs = threading.Event(), threading.Event()
        self._before = 0
        self._canceled = False
        self.joined = 0
        self.over = 0

    def run(self) -> None:
        futures = [self._engine.submit(self._host)]
        self._host_runs.wait(WAIT_SECONDS)
        self._before = self._engine.steps_done
        futures.append(self._engine.submit(self._own))
        self._runs.wait(WAIT_SECONDS)
        self._engine.cancel(self._own.id)
        self._canceled = True
        self._engine.cancel(self._host.id)
        wait(futures, WAIT_SECONDS)

    def _host_stepped(self, done: int, _total: int) -> None:
        if done == 2:
            self._host_runs.set()

    def _stepped(self, done: int, _total: int) -> None:
        if done == 1:
            self.joined = self._engine.steps_done - self._before
        if done == 2:
            self._runs.set()
        self.over += self._canceled
