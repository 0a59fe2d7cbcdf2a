"""The answer to errors that nobody foresaw."""

from __future__ import annotations

from collections.abc import Callable

import structlog
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from producer.api.problems import problem_response

log = structlog.get_logger(__name__)


def _problem(_scope: Scope) -> ASGIApp:
    detail = "Something went wrong on our side. Try again; tell the operator if it stays."
    return problem_response("internal", detail)


class LastResort:
    """ASGI middleware: an unforeseen exception is logged whole and answered with what `answer` makes, a bare problem.

    A caller who goes before all of the request is there is no exception.

    FastAPI's own handler for Exception raises on after it has answered, and the server then cuts a connection on
    which the caller may already be sending the next request.
    """

    def __init__(self, app: ASGIApp, answer: Callable[[Scope], ASGIApp] = _problem) -> None:
        self._app = app
        self._answer = answer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes the request on and answers for it if it fails before it has answered."""
        started = False

        async def watched(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self._app(scope, receive, watched)
        except ClientDisconnect:
            # Nothing is wrong here, and nobody hears an answer.
            log.info("caller_hung_up", method=scope["method"], path=scope["path"])
        except Exception:
            if started or scope["type"] != "http":
                raise
            log.exception("request_failed", method=scope["method"], path=scope["path"])
            await self._answer(scope)(scope, receive, send)
