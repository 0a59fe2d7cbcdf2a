"""A bound on request bodies, counted as they arrive, so that no caller can fill the memory."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from producer.api.problems import refusal_response
from producer.errors import Refusal


class BodyLimit:
    """ASGI middleware: more than `limit` bytes of body, announced or sent in chunks, are refused with 413.

    `larger` has the limits of those paths whose bodies are read as they come and never held at once.
    """

    def __init__(self, app: ASGIApp, limit: int, larger: Mapping[str, int]) -> None:
        self._app = app
        self._limit = limit
        self._larger = larger

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes the request on, with a `receive` that counts."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        limit = self._larger.get(scope["path"], self._limit)
        if _announced(scope) > limit:
            await refusal_response(_refusal(limit))(scope, receive, send)
        else:
            await self._app(scope, _counting(receive, limit), send)


def _counting(receive: Receive, limit: int) -> Receive:
    seen = 0

    async def counted() -> Message:
        nonlocal seen
        message = await receive()
        seen += len(message.get("body", b""))
        if seen > limit:
            raise _refusal(limit)
        return message

    return counted


def _refusal(limit: int) -> Refusal:
    return Refusal("body_too_large", f"The body is larger than {limit} bytes, the most this service takes here.")


def _announced(scope: Scope) -> int:
    lengths = [value for name, value in scope["headers"] if name == b"content-length"]
    return int(lengths[0]) if lengths and lengths[0].isdigit() else 0
