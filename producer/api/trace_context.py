"""The caller's trace, as its request names it: https://www.w3.org/TR/trace-context/."""

from __future__ import annotations

from starlette.types import ASGIApp, Receive, Scope, Send

from storage import tracing

HEADER = b"traceparent"


class TraceContext:
    """ASGI middleware: what a request does belongs to the trace of its `traceparent`, if it has a sound one."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes the request on."""
        with tracing.below(_traceparent(scope) if tracing.is_on() else None):
            await self._app(scope, receive, send)


def _traceparent(scope: Scope) -> str | None:
    sent = next((value for name, value in scope.get("headers", ()) if name == HEADER), None)
    return None if sent is None else sent.decode("latin-1")
