"""Errors are made once, as problems; below the prefix of a dialect they leave in that dialect's words."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from fastapi.responses import JSONResponse
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from producer.api.problems import MEDIA_TYPE, Problem

Reword = Callable[[Problem], JSONResponse]
# They describe the body that is replaced.
_OF_THE_BODY = ("content-type", "content-length")


class Rewording:
    """ASGI middleware: replaces every problem by what the dialect of the path makes of it; headers are kept."""

    def __init__(self, app: ASGIApp, dialects: Mapping[str, Reword]) -> None:
        """`dialects` by prefix, such as "/openai"."""
        self._app = app
        self._dialects = {f"{prefix}/": reword for prefix, reword in dialects.items()}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes the request on. What is no problem goes through untouched, chunk by chunk."""
        path = scope.get("path", "")
        reword = next((reword for prefix, reword in self._dialects.items() if path.startswith(prefix)), None)
        if reword is None or scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        held = _Held(reword, send)
        await self._app(scope, receive, held.take)
        if held.start is not None:
            await held.response()(scope, receive, send)


class _Held:
    """Keeps back a response that is a problem; any other passes."""

    def __init__(self, reword: Reword, send: Send) -> None:
        self._reword = reword
        self._send = send
        self._body = bytearray()
        self.start: Message | None = None

    async def take(self, message: Message) -> None:
        if message["type"] == "http.response.start" and _is_problem(message):
            self.start = message
        elif self.start is None:
            await self._send(message)
        else:
            self._body += message.get("body", b"")

    def response(self) -> JSONResponse:
        answer = self._reword(Problem.model_validate_json(bytes(self._body)))
        headers = MutableHeaders(raw=list((self.start or {})["headers"]))
        for name, value in headers.items():
            if name not in _OF_THE_BODY and name not in answer.headers:
                answer.headers[name] = value
        return answer


def _is_problem(message: Message) -> bool:
    return MutableHeaders(raw=list(message["headers"])).get("content-type", "").startswith(MEDIA_TYPE)
