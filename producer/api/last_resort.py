"""The answer to errors that nobody foresaw."""

from __future__ import annotations

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from producer.api.problems import problem_response

log = structlog.get_logger(__name__)


class LastResort:
    """ASGI middleware: an unforeseen exception is logged whole and answered with a bare 500 problem.

    FastAPI's own handler for Exception raises on after it has answered, and the server then cuts a connection on
    which the caller may already be sending the next request.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes the request on and answers for it if it fails before it has answered."""
        started = False

        async def watched(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self._app(scope, receive, watched)
        except Exception:
            if started or scope["type"] != "http":
                raise
            log.exception("request_failed", method=scope["method"], path=scope["path"])
            detail = "Something went wrong on our side. Try again; tell the operator if it stays."
            await problem_response("internal", detail)(scope, receive, send)
