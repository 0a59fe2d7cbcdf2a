"""Where threads hand requests to the engine: the only state that the engine thread shares with others."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

from worker.engine.request import InpaintRequest, InpaintResult
from worker.engine.ticket import Ticket
from worker.errors import EngineDraining, RequestCanceled, WorkerError

T = TypeVar("T")
Call = tuple[Callable[[], Any], Future[Any]]


class Desk:
    """Guards everything with one condition variable; futures are resolved outside it, as they may call back."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._inbox: deque[Ticket] = deque()
        self._calls: deque[Call] = deque()
        self._tickets: dict[str, Ticket] = {}
        self._draining = False
        self._closed: WorkerError | None = None

    def submit(self, request: InpaintRequest) -> Future[InpaintResult]:
        """See Engine.submit."""
        ticket = Ticket(request)
        ticket.future.set_running_or_notify_cancel()  # only the engine's own cancel() can cancel
        with self._changed:
            self._refuse_if_closed()
            if self._draining:
                raise EngineDraining("this worker is finishing and takes no new requests: send it to another one")
            if request.id in self._tickets:
                raise ValueError(f"request {request.id} is already in the engine: give each picture its own id")
            self._tickets[request.id] = ticket
            self._inbox.append(ticket)
            self._changed.notify_all()
        return ticket.future

    def call(self, fn: Callable[[], T]) -> Future[T]:
        """See Engine.call."""
        future: Future[T] = Future()
        with self._changed:
            self._refuse_if_closed()
            self._calls.append((fn, future))
            self._changed.notify_all()
        return future

    def cancel(self, request_id: str) -> bool:
        """See Engine.cancel."""
        with self._changed:
            ticket = self._tickets.get(request_id)
            if ticket is not None:
                ticket.canceled = True
                self._changed.notify_all()
        return ticket is not None

    def drain(self, timeout: float) -> bool:
        """See Engine.drain."""
        with self._changed:
            self._draining = True
            return self._changed.wait_for(lambda: not self._tickets, timeout)

    @property
    def has_work(self) -> bool:
        """True while a request is unanswered or a call waits."""
        with self._changed:
            return bool(self._tickets or self._calls)

    def wait_for_work(self) -> bool:
        """Sleep until there is something to do. False: the desk is closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._tickets or self._calls)
            return self._closed is None

    def take_canceled(self) -> list[Ticket]:
        """Requests that were canceled and still have to be dropped."""
        with self._changed:
            return [ticket for ticket in self._tickets.values() if ticket.canceled]

    def take_calls(self, most: int) -> list[Call]:
        """The oldest calls that wait now."""
        with self._changed:
            return [self._calls.popleft() for _ in range(min(most, len(self._calls)))]

    def take_request(self) -> Ticket | None:
        """The oldest request that has not begun and was not canceled."""
        with self._changed:
            while self._inbox:
                ticket = self._inbox.popleft()
                if not ticket.canceled:
                    return ticket
        return None

    def put_back(self, ticket: Ticket) -> None:
        """Have `ticket` taken again before all others."""
        with self._changed:
            self._inbox.appendleft(ticket)

    def settle(self, ticket: Ticket, outcome: InpaintResult | Exception) -> None:
        """Give the sender its answer; a cancel that came first wins, so that cancel() never said True in vain."""
        with self._changed:
            if self._tickets.get(ticket.request.id) is not ticket:
                return
            del self._tickets[ticket.request.id]
            if ticket.canceled:
                outcome = RequestCanceled(f"request {ticket.request.id} was canceled")
        if isinstance(outcome, Exception):
            ticket.future.set_exception(outcome)
        else:
            ticket.future.set_result(outcome)
        with self._changed:
            self._changed.notify_all()

    def close(self, reason: WorkerError) -> None:
        """Take nothing any more; the first reason stays."""
        with self._changed:
            self._closed = self._closed or reason
            self._changed.notify_all()

    def abandon(self) -> None:
        """Fail whatever is left with the reason of closing. Only when the engine thread no longer works."""
        with self._changed:
            reason = self._closed or EngineDraining("the engine is closed")
            tickets, calls = list(self._tickets.values()), list(self._calls)
            self._calls.clear()
        for ticket in tickets:
            self.settle(ticket, reason)
        for _, future in calls:
            if future.set_running_or_notify_cancel():
                future.set_exception(reason)

    def _refuse_if_closed(self) -> None:
        if self._closed is not None:
            raise type(self._closed)(str(self._closed))
