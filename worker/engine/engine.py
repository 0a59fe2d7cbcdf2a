"""The one thread that runs networks: many requests share each UNet call, joining and leaving between calls."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

import structlog

from worker.engine.desk import Desk
from worker.engine.floor import Floor
from worker.engine.pace import Pace
from worker.engine.protocol import Runner
from worker.engine.request import InpaintRequest, InpaintResult
from worker.engine.tally import Tally
from worker.engine.watch import Watch
from worker.errors import DeviceLost, EngineDraining

log = structlog.get_logger(__name__)

T = TypeVar("T")
CALLS_A_TURN = 4


class Engine:
    """Turns requests into pictures on its own thread; every public method may be called from any thread.

    A turn runs a few waiting calls, begins a few requests, drops canceled ones, decodes up to `decode_chunk` finished
    pictures and makes one UNet call of up to `row_budget` rows, so nothing else delays a step for long. A request
    that fails fails alone. DeviceLost fails all and ends the thread: `alive` turns false. `clock` gives seconds, and
    `padded` how many rows the runner makes of so many in one call.
    """

    def __init__(
        self,
        runner: Runner[Any, Any],
        row_budget: int = 16,
        decode_chunk: int = 1,
        clock: Callable[[], float] = time.monotonic,
        padded: Callable[[int], int] = lambda rows: rows,
    ) -> None:
        self.row_budget = row_budget
        self.tally = Tally(padded)
        """What its UNet calls came to."""
        self._desk = Desk()
        self._watch = Watch(clock)
        self._floor = Floor(self._desk, runner, row_budget, decode_chunk, clock, self._watch.move, self.tally)
        self._thread = threading.Thread(target=self._run, name="engine", daemon=True)

    def start(self) -> None:
        """Start the engine thread. Once only."""
        self._thread.start()

    @property
    def alive(self) -> bool:
        """True while the engine thread runs."""
        return self._thread.is_alive()

    @property
    def steps_done(self) -> int:
        """UNet calls made so far; it grows as long as the engine has work and is well."""
        return self.tally.calls

    @property
    def pace(self) -> Pace:
        """How fast the device is."""
        return self._floor.pace

    @property
    def busy_seconds(self) -> float:
        """Time in turns so far."""
        return self._watch.busy_seconds

    @property
    def idle_seconds(self) -> float:
        """Time outside turns since the first one, or since start()."""
        return self._watch.idle_seconds

    @property
    def stalled_seconds(self) -> float:
        """Time since the engine last finished anything while it had work: a call, an encoding, a step, a decoding.

        0 while it is idle. One that grows on and on means that the device hangs.
        """
        return self._watch.stalled_seconds

    def submit(self, request: InpaintRequest) -> Future[InpaintResult]:
        """Queue a request. Raises EngineDraining, DeviceLost, and ValueError if a request of this id is still here.

        The future raises a WorkerError, or whatever else went wrong with this request. Its own cancel() does
        nothing: use the engine's.
        """
        return self._desk.submit(request)

    def cancel(self, request_id: str) -> bool:
        """Drop a request within one UNet call; its future raises RequestCanceled. False: it is not here any more."""
        return self._desk.cancel(request_id)

    def call(self, fn: Callable[[], T]) -> Future[T]:
        """Run `fn` on the engine thread between two UNet calls, also while draining.

        For whatever else needs the device, such as classifiers. `fn` delays every request: keep it short.
        Raises EngineDraining or DeviceLost once the engine has ended.
        """
        return self._desk.call(fn)

    def drain(self, timeout: float) -> bool:
        """Refuse new requests and wait up to `timeout` seconds for those that are here. True: none is left."""
        return self._desk.drain(timeout)

    def close(self) -> None:
        """Stop after the current turn and wait for the thread; whatever is left fails with EngineDraining."""
        self._desk.close(EngineDraining("the engine was closed: send the request to another worker"))
        if self._thread.is_alive():
            self._thread.join()
        self._desk.abandon()

    def turn(self) -> bool:
        """One turn on the caller's thread, for whoever drives an engine that was not started. True: work is left.

        Raises DeviceLost.
        """
        with self._watch.turn():
            for fn, future in self._desk.take_calls(CALLS_A_TURN):
                _answer(future, fn)
                self._watch.move()
            self._floor.turn()
        return self._desk.has_work

    def _run(self) -> None:
        log.info("engine_started")
        self._watch.begin()
        try:
            while self._desk.wait_for_work():
                self.turn()
        except DeviceLost as error:
            log.error("engine_device_lost", reason=str(error))
            self._desk.close(error)
        except BaseException as error:
            self._desk.close(DeviceLost(f"the engine thread broke, this process must end: {error!r}"))
            raise
        finally:
            self._desk.abandon()
            log.info("engine_stopped", steps_done=self.steps_done)


def _answer(future: Future[Any], fn: Callable[[], Any]) -> None:
    if not future.set_running_or_notify_cancel():
        return
    try:
        future.set_result(fn())
    except DeviceLost as error:
        future.set_exception(error)
        raise
    except Exception as error:  # noqa: BLE001 - it belongs to whoever waits on the future
        future.set_exception(error)
