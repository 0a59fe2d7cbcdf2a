"""How long answers take, by route: counted outside everything else, so that refusals and errors count as well."""

from __future__ import annotations

import time
from collections.abc import Collection
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from producer.metrics import HTTP_SECONDS

# Anything may stand for a method in a request, and each name would be a series of its own.
METHODS = frozenset({"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"})
NO_ROUTE, OTHER = "(none)", "(other)"


class Timed:
    """ASGI middleware: notes for each request how long its answer took to begin.

    To begin and not to end: a stream of events lasts as long as its job. `prefixes` are those under which routers
    were included, which their routes do not know.
    """

    def __init__(self, app: ASGIApp, prefixes: Collection[str] = ()) -> None:
        self._app = app
        self._prefixes = prefixes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes the request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()

        async def watched(message: Message) -> None:
            if message["type"] == "http.response.start":
                method = scope["method"] if scope["method"] in METHODS else OTHER
                series = HTTP_SECONDS.labels(method, route_of(scope, self._prefixes), message["status"])
                series.observe(time.perf_counter() - began)
            await send(message)

        await self._app(scope, receive, watched)


def route_of(scope: Scope, prefixes: Collection[str] = ()) -> str:
    """The template of the path, such as `/v1/jobs/{job_id}`: never a part of it that a caller chose."""
    mount = scope.get("root_path", "")
    route: Any = scope.get("route")
    template = getattr(route, "path", None)
    if template is None:
        return f"{mount}/*" if mount else NO_ROUTE
    before = mount or next((prefix for prefix in prefixes if scope["path"].startswith(f"{prefix}/")), "")
    waits = "?wait" if b"wait=" in scope.get("query_string", b"") else ""
    return f"{before}{template}{waits}"
