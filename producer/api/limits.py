"""Bounds on request bodies, counted as they arrive, so that neither one caller nor many can fill the memory."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from producer.api.problems import refusal_response
from producer.errors import ComeAgain, Refusal

COME_AGAIN_SECONDS = 5.0
_HELD = "inpaintd.held"


class BodyLimit:
    """ASGI middleware: more than `limit` bytes of body, announced or sent in chunks, are refused with 413.

    All bodies together have at most `most` bytes; whoever comes beyond that is told to come again. `larger` has the
    limits of those paths whose bodies are read as they come and never held at once, so they count for nothing.
    """

    def __init__(self, app: ASGIApp, limit: int, larger: Mapping[str, int], most: int) -> None:
        self._app = app
        self._limit = limit
        self._larger = larger
        self._memory = _Memory(most)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes the request on, with a `receive` that counts."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        streamed = self._larger.get(scope["path"])
        limit, announced = streamed or self._limit, _announced(scope)
        if announced > limit:
            await refusal_response(_too_large(limit))(scope, receive, send)
        elif streamed is None and not self._memory.has_room(announced):
            await refusal_response(_full())(scope, receive, send)
        else:
            held = _Held(None if streamed else self._memory)
            scope[_HELD] = held
            try:
                await self._app(scope, held.counting(receive, limit), send)
            finally:
                held.let_go()


def let_go(scope: Scope) -> None:
    """Whoever goes on to wait for a job says that what came with the request is not held any longer."""
    held = scope.get(_HELD)
    if isinstance(held, _Held):
        held.let_go()


@dataclass(slots=True)
class _Memory:
    """What there is for bodies, in bytes, and how much of it is taken."""

    most: int
    taken: int = 0

    def has_room(self, size: int) -> bool:
        """Whether so much more may come."""
        return self.taken + size <= self.most


class _Held:
    """The body of one request; `memory` is None if it is not held."""

    def __init__(self, memory: _Memory | None) -> None:
        self._memory = memory
        self._size = 0

    def counting(self, receive: Receive, limit: int) -> Receive:
        """`receive`, that refuses to go on beyond `limit` and while there is no room."""
        seen = 0

        async def counted() -> Message:
            nonlocal seen
            message = await receive()
            size = len(message.get("body", b""))
            seen += size
            if seen > limit:
                raise _too_large(limit)
            self._take(size)
            return message

        return counted

    def let_go(self) -> None:
        """Gives its part of the memory back."""
        if self._memory is not None:
            self._memory.taken -= self._size
            self._size = 0

    def _take(self, size: int) -> None:
        if self._memory is None:
            return
        if not self._memory.has_room(size):
            raise _full()
        self._memory.taken += size
        self._size += size


def _too_large(limit: int) -> Refusal:
    return Refusal("body_too_large", f"The body is larger than {limit} bytes, the most this service takes here.")


def _full() -> ComeAgain:
    return ComeAgain("server_busy", "This process holds as many bytes of requests as it may.", COME_AGAIN_SECONDS)


def _announced(scope: Scope) -> int:
    lengths = [value for name, value in scope["headers"] if name == b"content-length"]
    return int(lengths[0]) if lengths and lengths[0].isdigit() else 0
