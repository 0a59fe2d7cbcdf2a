"""The headers of every page: nothing from elsewhere, nothing in frames, nothing kept by a browser or a proxy."""

from __future__ import annotations

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; connect-src 'self'; "
    "font-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
CONTENT = "no-store"
# Under HTTPS alone (RFC 6797, 7.2): from then on a browser asks this host by no other way, for a year.
TRANSPORT = "max-age=31536000"


class SecureHeaders:
    """ASGI middleware: every answer bears HEADERS, and is not kept unless it says how long, as static files do."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes the request on, with a `send` that adds the headers."""

        async def marked(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                secure = {"Strict-Transport-Security": TRANSPORT} if scope.get("scheme") == "https" else {}
                for name, value in {**HEADERS, **secure, "Cache-Control": CONTENT}.items():
                    headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, marked)
