"""Ways to share one real device among jobs: each takes jobs as they come and says when their file is made."""

from __future__ import annotations

import contextlib
import queue
import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future

from bench.gpu_server import CountingRunner, Order, Server, Tail
from bench.like_jobs import LikeJobs
from bench.naive_loop import naive_pipeline, paint_alone
from bench.paint_requests import USUAL_LEVEL, as_png
from worker.engine.engine import Engine
from worker.engine.request import InpaintResult, Pixels
from worker.engine.runner import decode_chunk
from worker.errors import EngineDraining
from worker.models import LoadedModel


class NaiveServer(Server):
    """B0: a loop around the eager pipeline, check and file of the usual level included."""

    def __init__(self, model: LoadedModel) -> None:
        self._side = model.native_size
        self._rows = 0
        self._pipeline = naive_pipeline(model, model.safety_checker)
        self._orders: queue.SimpleQueue[Order | None] = queue.SimpleQueue()
        self._open = True
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    @property
    def rows_done(self) -> int:
        """See Server; told after each picture."""
        return self._rows

    def submit(self, order: Order) -> None:
        """See Server."""
        self._orders.put(order)

    def close(self) -> None:
        """See Server."""
        self._open = False
        self._orders.put(None)
        self._thread.join()

    def _run(self) -> None:
        while (order := self._orders.get()) is not None and self._open:
            as_png(paint_alone(self._pipeline, order.request(self._side)), USUAL_LEVEL)
            self._rows += order.steps * (2 if order.guided else 1)
            order.done()


class StaticServer(Server):
    """B1 with a size of 1, and B2: batches of like jobs on the UNet, VAE and checker that the engine uses."""

    def __init__(self, runner: CountingRunner, tail: Tail, size: int, window: float) -> None:
        self._runner = runner
        self._tail = tail
        self._jobs: LikeJobs[Order] = LikeJobs(size, window)
        self._changed = threading.Condition()
        self._open = True
        self._before = runner.rows
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    @property
    def rows_done(self) -> int:
        """See Server."""
        return self._runner.rows - self._before

    def submit(self, order: Order) -> None:
        """See Server."""
        with self._changed:
            self._jobs.add(order)
            self._changed.notify()

    def close(self) -> None:
        """See Server."""
        with self._changed:
            self._open = False
            self._changed.notify()
        self._thread.join()

    def _run(self) -> None:
        while self._open:
            for order, picture in self._paint(self._next_batch()):
                self._tail.check(picture)
                self._tail.make_file(picture, order)

    def _next_batch(self) -> list[Order]:
        """The next one; empty where it is worth another look only."""
        with self._changed:
            batch = self._jobs.take(time.monotonic())
            if not batch and self._open:
                due = self._jobs.next_due()
                self._changed.wait(None if due is None else max(0.0, due - time.monotonic()))
            return batch

    def _paint(self, batch: Sequence[Order]) -> list[tuple[Order, Pixels]]:
        runner, chunk = self._runner, decode_chunk(self._runner)
        begun = [runner.begin(order.request(runner.native_size)) for order in batch]
        while begun and begun[0].calls_left and self._open:
            for trajectory, prediction in zip(begun, runner.predict(begun), strict=True):
                runner.advance(trajectory, prediction)
        if not self._open:
            return []
        parts = [runner.finish(begun[start : start + chunk]) for start in range(0, len(begun), chunk)]
        return list(zip(batch, [picture for part in parts for picture in part], strict=True))


class ContinuousServer(Server):
    """The product's engine."""

    def __init__(self, runner: CountingRunner, tail: Tail, row_budget: int) -> None:
        self._runner = runner
        self._tail = tail
        self._before = runner.rows
        self.engine = Engine(runner, row_budget, decode_chunk(runner))
        self.engine.start()

    @property
    def rows_done(self) -> int:
        """See Server."""
        return self._runner.rows - self._before

    def submit(self, order: Order) -> None:
        """See Server."""
        future = self.engine.submit(order.request(self._runner.native_size))
        future.add_done_callback(lambda painted: self._painted(order, painted))

    def close(self) -> None:
        """See Server."""
        self.engine.close()

    def _painted(self, order: Order, future: Future[InpaintResult]) -> None:
        # What was under way when the engine closed is dropped, here and below.
        if future.exception() is None:
            picture = future.result().pixels
            with contextlib.suppress(EngineDraining):
                checked = self.engine.call(lambda: self._tail.check(picture))
                checked.add_done_callback(lambda done: self._checked(order, picture, done))

    def _checked(self, order: Order, picture: Pixels, future: Future[None]) -> None:
        if future.exception() is None:
            self._tail.make_file(picture, order)
