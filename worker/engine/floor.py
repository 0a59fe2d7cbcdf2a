"""The requests in the making: what the engine does with them in one turn."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import structlog

from worker.engine.batcher import Batcher
from worker.engine.budget import FLOOR, RowBudget
from worker.engine.desk import Desk
from worker.engine.pace import Pace
from worker.engine.protocol import Runner
from worker.engine.tally import Tally
from worker.engine.ticket import Ticket
from worker.errors import DeviceLost, NumericalFailure, OutOfMemory, RequestCanceled

log = structlog.get_logger(__name__)

BEGINS_A_TURN = 4


class Floor:
    """Begins, steps, decodes and drops requests; a request that fails fails alone. On the engine's thread only.

    `moved()` is called whenever something was done.
    """

    def __init__(
        self,
        desk: Desk,
        runner: Runner[Any, Any],
        row_budget: int,
        decode_chunk: int,
        clock: Callable[[], float],
        moved: Callable[[], None],
        tally: Tally,
    ) -> None:
        self._desk = desk
        self._runner = runner
        self._row_budget = row_budget
        self._decode_chunk = decode_chunk
        self._clock = clock
        self._moved = moved
        self._budget = RowBudget(row_budget)
        self._batcher: Batcher[Ticket] = Batcher(self._budget)
        self._denoised: deque[Ticket] = deque()
        self._tally = tally
        self.pace = Pace()

    def turn(self) -> None:
        """A few beginnings, the cancellations, one decoding, one UNet call. Raises DeviceLost."""
        self._begin_some()
        for ticket in self._desk.take_canceled():
            self._drop(ticket, RequestCanceled(f"request {ticket.request.id} was canceled"))
        self._decode(self._next_chunk())
        self._step(self._batcher.next_batch())

    def _begin_some(self) -> None:
        """One at any rate, for its shape may be one that nobody else has; more only while the next call has room.

        More than that would keep those waiting that are under way, and bring nobody to the end sooner.
        """
        for begun in range(BEGINS_A_TURN):
            ticket = self._desk.take_request() if begun == 0 or self._batcher.rows < self._row_budget else None
            if ticket is None:
                return
            self._begin(ticket)
            self._moved()

    def _begin(self, ticket: Ticket, *, precise: bool = False) -> None:
        began = self._clock()
        with self._blame(ticket):
            ticket.trajectory = self._runner.begin(ticket.request, precise)
            ticket.denoise_began = self._clock()
            ticket.seconds["prepare"] = ticket.denoise_began - began
            self._batcher.add(ticket)

    def _step(self, batch: Sequence[Ticket]) -> None:
        if not batch:
            return
        began = self._clock()
        predictions = self._shared(batch, self._runner.predict, self._step_smaller)
        if predictions is None:
            return
        seconds, rows = self._clock() - began, _rows(batch)
        self._budget.fitted(batch[0].group, rows)
        self.pace.note(seconds, len(batch))
        self._tally.note(seconds, rows)
        self._moved()
        for ticket, prediction in zip(batch, predictions, strict=True):
            self._advance(ticket, prediction)

    def _step_smaller(self, batch: Sequence[Ticket], error: Exception) -> None:
        """predict() left all of them untouched: out of memory, they go on in smaller calls, from the next turn on;
        otherwise each tries again alone, and only the culprit fails."""
        rows = _rows(batch)
        if isinstance(error, OutOfMemory) and rows > FLOOR:
            limit = self._budget.failed(batch[0].group, rows)
            log.warning("row_budget_halved", rows=rows, limit=limit)
            return
        for ticket in batch:
            self._step([ticket])

    def _advance(self, ticket: Ticket, prediction: Any) -> None:
        with self._blame(ticket):
            self._runner.advance(ticket.trajectory, prediction)
            ticket.report_step()
            if ticket.denoised:
                ticket.seconds["denoise"] = self._clock() - ticket.denoise_began
                self._batcher.remove(ticket)
                self._denoised.append(ticket)

    def _next_chunk(self) -> list[Ticket]:
        """The finished request that waits longest, with others of its shape."""
        alike = (ticket for ticket in self._denoised if ticket.group == self._denoised[0].group)
        return [ticket for ticket, _ in zip(alike, range(self._decode_chunk), strict=False)]

    def _decode(self, chunk: Sequence[Ticket]) -> None:
        if not chunk:
            return
        began = self._clock()
        pictures = self._shared(chunk, self._runner.finish, self._decode_smaller)
        if pictures is None:
            return
        self._moved()
        for ticket, pixels in zip(chunk, pictures, strict=True):
            ticket.seconds["decode"] = self._clock() - began
            self._denoised.remove(ticket)
            self._desk.settle(ticket, ticket.result(pixels))

    def _decode_smaller(self, chunk: Sequence[Ticket], error: Exception) -> None:
        if isinstance(error, OutOfMemory):
            self._decode_chunk = max(1, len(chunk) // 2)
            log.warning("decode_chunk_halved", pictures=len(chunk), limit=self._decode_chunk)
        for ticket in chunk:
            self._decode([ticket])

    def _shared(
        self,
        batch: Sequence[Ticket],
        call: Callable[[Sequence[Any]], Sequence[Any]],
        smaller: Callable[[Sequence[Ticket], Exception], None],
    ) -> Sequence[Any] | None:
        """What `call` answers for all; None when it failed, for one alone for good, for several to be tried anew."""
        try:
            return call([ticket.trajectory for ticket in batch])
        except DeviceLost:
            raise
        except Exception as error:  # noqa: BLE001 - it belongs to the request that caused it
            failure = error
        if len(batch) == 1:
            self._give_up(batch[0], failure)
        else:
            log.warning("shared_call_failed", requests=[ticket.request.id for ticket in batch], error=repr(failure))
            smaller(batch, failure)
        return None

    def _give_up(self, ticket: Ticket, error: Exception, *, again: Callable[[Ticket], None] | None = None) -> None:
        """Out of memory is worth one more try, for whatever could be let go was; numbers that left the range of half
        precision are worth one in float32. `again` prepares the first; without it `ticket` is as it was."""
        if isinstance(error, OutOfMemory) and not ticket.had_second_try:
            log.warning("request_tried_again", **_about(ticket), reason=str(error))
            ticket.had_second_try = True
            if again is not None:
                again(ticket)
        elif isinstance(error, NumericalFailure) and ticket.trajectory is not None and not ticket.trajectory.precise:
            log.warning("request_made_again_in_float32", **_about(ticket), reason=str(error))
            self._clear(ticket)
            self._begin(ticket, precise=True)
        else:
            self._drop(ticket, error)

    def _start_over(self, ticket: Ticket) -> None:
        self._clear(ticket)
        self._desk.put_back(ticket)

    @contextmanager
    def _blame(self, ticket: Ticket) -> Iterator[None]:
        try:
            yield
        except DeviceLost:
            raise
        except Exception as error:  # noqa: BLE001 - it belongs to this request; the others go on
            self._give_up(ticket, error, again=self._start_over)

    def _clear(self, ticket: Ticket) -> None:
        if ticket.trajectory is not None:
            self._batcher.remove(ticket)
            ticket.trajectory = None
        if ticket in self._denoised:
            self._denoised.remove(ticket)

    def _drop(self, ticket: Ticket, error: Exception) -> None:
        self._clear(ticket)
        log.info("request_dropped", **_about(ticket), reason=type(error).__name__)
        self._desk.settle(ticket, error)


def _rows(batch: Sequence[Ticket]) -> int:
    return sum(ticket.rows for ticket in batch)


def _about(ticket: Ticket) -> dict[str, str]:
    return {"job_id": ticket.request.job_id, "request_id": ticket.request.id}
