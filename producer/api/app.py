"""The HTTP application, put together from its services."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import uvicorn
from fastapi import FastAPI
from fastapi.responses import RedirectResponse
from fastapi_offline import FastAPIOffline
from starlette.routing import Route

from producer.api import batches, detect, events, faults, files, health, images, jobs, models, objections, webhooks
from producer.api.address_limit import AddressLimit
from producer.api.detect import Examiners
from producer.api.last_resort import LastResort
from producer.api.limits import BodyLimit
from producer.api.openapi import openapi
from producer.api.streams import Streams
from producer.console.app import create_console
from producer.console.try_page import create_try
from producer.dialects.doors import open_doors
from producer.services import Services
from producer.settings import TryPage

TAGS = [
    {"name": "jobs", "description": "Submit, follow, cancel, download."},
    {"name": "batches", "description": "Jobs with one label, taken together."},
    {"name": "files", "description": "Pictures uploaded once and used by many jobs."},
    {"name": "review", "description": "Appeals and reports: a person's second look."},
    {"name": "detector", "description": "Where a picture comes from."},
    {"name": "webhooks", "description": "Be told instead of asking: endpoints, secrets, deliveries, replay."},
    {"name": "models", "description": "What can paint."},
    {"name": "health", "description": "For load balancers and operators; no key needed."},
]
# Of the interface, as in /v1; not of the program.
API_VERSION = "1"
GRACE_SECONDS = 5


def create_app(services: Services) -> FastAPI:
    """The application. It owns `services` and closes them when it stops."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        yield
        await app.state.streams.end()
        services.close()

    # FastAPI's own pages load their scripts from a public network, which many deployments do not reach.
    app = FastAPIOffline(
        title="inpaintd",
        version=API_VERSION,
        lifespan=lifespan,
        openapi_tags=TAGS,
        redirect_slashes=False,
        redoc_url=None,
        static_url="/docs/assets",
    )
    app.state.services = services
    app.state.streams = Streams(services)
    app.state.strangers = AddressLimit(services.settings.public_detect_per_minute)
    app.state.examiners = Examiners()
    app.add_middleware(BodyLimit, limit=services.settings.max_body_bytes)
    app.add_middleware(LastResort)
    faults.install(app)
    for resource in (jobs, images, events, batches, files, detect, objections, webhooks, models, health):
        app.include_router(resource.router)
    app.add_route("/console", lambda _: RedirectResponse("/console/"))
    console = create_console(services)
    app.mount("/console", console)
    if services.settings.try_page is not TryPage.OFF:
        page = create_try(services, app.state.streams, console.state.office)
        app.mount("/try", page)
        app.router.routes.append(Route("/", page))
    open_doors(app)
    app.openapi = lambda: openapi(app)  # type: ignore[method-assign]
    return app


class Server(uvicorn.Server):
    """Ends the event streams before it waits for requests to end: those would last as long as their jobs."""

    def __init__(self, config: uvicorn.Config, streams: Streams) -> None:
        super().__init__(config)
        self._streams = streams

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Called once, when the server has been told to stop."""
        await self._streams.end()
        await super().shutdown(sockets)


def server(services: Services) -> Server:
    """A server for the application at the host and port of the settings; `run()` serves until it is told to stop."""
    app = create_app(services)
    config = uvicorn.Config(
        app,
        host=services.settings.host,
        port=services.settings.port,
        log_config=None,
        access_log=False,
        server_header=False,
        # Long polls would otherwise hold up a stop for a minute.
        timeout_graceful_shutdown=GRACE_SECONDS,
    )
    return Server(config, app.state.streams)
