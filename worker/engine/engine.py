"""The one thread that runs networks: many requests share each UNet call, joining and leaving between calls."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any, TypeVar

import structlog

from worker.engine.batcher import Batcher
from worker.engine.desk import Desk
from worker.engine.pace import Pace
from worker.engine.protocol import Runner
from worker.engine.request import InpaintRequest, InpaintResult
from worker.engine.ticket import Ticket
from worker.errors import DeviceLost, EngineDraining, RequestCanceled

log = structlog.get_logger(__name__)

T = TypeVar("T")


class Engine:
    """Turns requests into pictures on its own thread; every public method may be called from any thread.

    A turn runs waiting calls, begins at most one request, drops canceled ones, decodes at most one finished picture
    and makes one UNet call, so encoding and decoding delay the others by one picture each. A request that fails fails
    alone. DeviceLost fails all and ends the thread: `alive` turns false.
    """

    def __init__(self, runner: Runner[Any, Any], row_budget: int = 16) -> None:
        self._runner = runner
        self._desk = Desk()
        self._batcher: Batcher[Ticket] = Batcher(row_budget)
        self._denoised: deque[Ticket] = deque()
        self._thread = threading.Thread(target=self._run, name="engine", daemon=True)
        self.steps_done = 0
        """UNet calls made so far; it grows as long as the engine has work and is well."""
        self.pace = Pace()
        self._moved: float | None = None

    def start(self) -> None:
        """Start the engine thread. Once only."""
        self._thread.start()

    @property
    def alive(self) -> bool:
        """True while the engine thread runs."""
        return self._thread.is_alive()

    @property
    def stalled_seconds(self) -> float:
        """Time since the engine last finished anything while it had work: a call, an encoding, a step, a decoding.

        0 while it is idle. One that grows on and on means that the device hangs.
        """
        moved = self._moved
        return 0.0 if moved is None else time.monotonic() - moved

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

    def _run(self) -> None:
        log.info("engine_started")
        try:
            while self._desk.wait_for_work():
                self._move_on()
                self._turn()
                self._moved = None
        except DeviceLost as error:
            log.error("engine_device_lost", reason=str(error))
            self._desk.close(error)
        except BaseException as error:
            self._desk.close(DeviceLost(f"the engine thread broke, this process must end: {error!r}"))
            raise
        finally:
            self._moved = None
            self._desk.abandon()
            log.info("engine_stopped", steps_done=self.steps_done)

    def _turn(self) -> None:
        for fn, future in self._desk.take_calls():
            _answer(future, fn)
            self._move_on()
        request = self._desk.take_request()
        if request is not None:
            self._begin(request)
            self._move_on()
        for ticket in self._desk.take_canceled():
            self._drop(ticket, RequestCanceled(f"request {ticket.request.id} was canceled"))
        if self._denoised:
            self._decode(self._denoised.popleft())
            self._move_on()
        self._step(self._batcher.next_batch())

    def _move_on(self) -> None:
        self._moved = time.monotonic()

    def _begin(self, ticket: Ticket) -> None:
        with self._blame(ticket), _timed(ticket, "prepare"):
            ticket.trajectory = self._runner.begin(ticket.request)
        if ticket.trajectory is not None:
            ticket.denoise_began = time.perf_counter()
            self._batcher.add(ticket)

    def _step(self, batch: Sequence[Ticket]) -> None:
        if not batch:
            return
        began = time.perf_counter()
        try:
            predictions = self._runner.predict([ticket.trajectory for ticket in batch])
        except DeviceLost:
            raise
        except Exception as error:  # noqa: BLE001 - it belongs to the request that caused it
            self._blame_one_of(batch, error)
            return
        self.steps_done += 1
        self.pace.note(time.perf_counter() - began, len(batch))
        self._move_on()
        for ticket, prediction in zip(batch, predictions, strict=True):
            self._advance(ticket, prediction)

    def _blame_one_of(self, batch: Sequence[Ticket], error: Exception) -> None:
        if len(batch) == 1:
            self._drop(batch[0], error)
            return
        # predict() left all of them untouched, so each can try again alone and only the culprit fails.
        log.warning("shared_step_failed", requests=[ticket.request.id for ticket in batch], error=repr(error))
        for ticket in batch:
            self._step([ticket])

    def _advance(self, ticket: Ticket, prediction: Any) -> None:
        with self._blame(ticket):
            self._runner.advance(ticket.trajectory, prediction)
            ticket.report_step()
            if ticket.denoised:
                ticket.seconds["denoise"] = time.perf_counter() - ticket.denoise_began
                self._batcher.remove(ticket)
                self._denoised.append(ticket)

    def _decode(self, ticket: Ticket) -> None:
        with self._blame(ticket):
            with _timed(ticket, "decode"):
                pixels = self._runner.finish(ticket.trajectory)
            self._desk.settle(ticket, ticket.result(pixels))

    @contextmanager
    def _blame(self, ticket: Ticket) -> Iterator[None]:
        try:
            yield
        except DeviceLost:
            raise
        except Exception as error:  # noqa: BLE001 - it belongs to this request; the others go on
            self._drop(ticket, error)

    def _drop(self, ticket: Ticket, error: Exception) -> None:
        if ticket.trajectory is not None:
            self._batcher.remove(ticket)
        if ticket in self._denoised:
            self._denoised.remove(ticket)
        log.info("request_dropped", request_id=ticket.request.id, reason=type(error).__name__)
        self._desk.settle(ticket, error)


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


@contextmanager
def _timed(ticket: Ticket, name: str) -> Iterator[None]:
    began = time.perf_counter()
    yield
    ticket.seconds[name] = time.perf_counter() - began
