"""The HTTP application, put together from its services."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import cast

import uvicorn
from fastapi import FastAPI
from fastapi.responses import RedirectResponse
from fastapi_offline import FastAPIOffline
from starlette.routing import Route

from producer.api import batches, faults
from producer.api.address_limit import AddressLimit
from producer.api.batch_stream import CODE as BATCHES_FULL
from producer.api.detect import Examiners
from producer.api.last_resort import LastResort
from producer.api.limits import BodyLimit
from producer.api.lookups import Lookups
from producer.api.openapi import openapi
from producer.api.resources import IDENTITY, include
from producer.api.streams import Streams
from producer.api.submitting import Submitting
from producer.api.timing import Timed
from producer.api.trace_context import TraceContext
from producer.api.waiting import Waiting
from producer.api.wire import Wire
from producer.console.app import create_console
from producer.console.try_page import create_try
from producer.dialects.doors import DIALECTS, open_doors
from producer.live import Ear
from producer.places import Places
from producer.pulse import Pulse
from producer.services import Services
from producer.settings import TryPage

GRACE_SECONDS = 5
# Sent at the same time to one process.
MOST_BATCHES, MOST_BATCHES_A_TENANT = 8, 2
MOST_DOWNLOADS, MOST_DOWNLOADS_A_TENANT = 16, 4


def create_app(services: Services) -> FastAPI:
    """The application. It owns `services` and closes them when it stops."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        yield
        await app.state.streams.end()
        services.close()

    # FastAPI's own pages load their scripts from a public network, which many deployments do not reach.
    app = FastAPIOffline(
        **IDENTITY,
        lifespan=lifespan,
        redirect_slashes=False,
        redoc_url=None,
        static_url="/docs/assets",
    )
    _share(app, services)
    larger = {batches.router.prefix: services.settings.max_batch_bytes}
    settings = services.settings
    app.add_middleware(BodyLimit, limit=settings.max_body_bytes, larger=larger, most=settings.max_held_bytes)
    app.add_middleware(LastResort)
    faults.install(app)
    include(app)
    app.add_route("/console", lambda _: RedirectResponse("/console/"))
    console = create_console(services)
    app.mount("/console", console)
    if services.settings.try_page is not TryPage.OFF:
        page = create_try(services, app.state.streams, console.state.office)
        app.mount("/try", page)
        app.router.routes.append(Route("/", page))
    open_doors(app)
    app.add_middleware(TraceContext)
    # The last to be added is the outermost.
    app.add_middleware(Timed, prefixes=[dialect.prefix for dialect in DIALECTS])
    app.openapi = lambda: openapi(app)  # type: ignore[method-assign]
    return app


def _share(app: FastAPI, services: Services) -> None:
    """What the requests of this process have in common."""
    lookups, pulse = Lookups(services.reader, services.outlook), Pulse(Ear(services.redis_url), services.reader.beats)
    app.state.services = services
    app.state.lookups = lookups
    app.state.submitting = Submitting(services.submitter, services.submissions, services.outlook)
    app.state.waiting = Waiting(lookups, pulse)
    app.state.streams = Streams(services.settings, lookups, pulse)
    app.state.strangers = AddressLimit(services.settings.public_detect_per_minute)
    app.state.examiners = Examiners()
    app.state.downloads = Places("downloads", MOST_DOWNLOADS, MOST_DOWNLOADS_A_TENANT, code=BATCHES_FULL, seconds=5.0)
    app.state.batches = Places("batches", MOST_BATCHES, MOST_BATCHES_A_TENANT, code=BATCHES_FULL, seconds=5.0)


class Server(uvicorn.Server):
    """Ends what is too slow; and at a stop the event streams, before it waits for requests to end: those would last as
    long as their jobs.
    """

    def __init__(self, config: uvicorn.Config, streams: Streams) -> None:
        super().__init__(config)
        self._streams = streams

    async def on_tick(self, counter: int) -> bool:
        """Called ten times a second; looks at every connection once."""
        if counter % 10 == 0:
            now = asyncio.get_running_loop().time()
            for connection in list(self.server_state.connections):
                cast(Wire, connection).look(now)
        return await super().on_tick(counter)

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
        http=Wire,
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        # Long polls would otherwise hold up a stop for a minute.
        timeout_graceful_shutdown=GRACE_SECONDS,
    )
    return Server(config, app.state.streams)
