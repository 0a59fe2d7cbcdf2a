"""The HTTP application, put together from its services."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import uvicorn
from fastapi import FastAPI
from fastapi_offline import FastAPIOffline

from producer.api import batches, faults, files, health, images, jobs, models, webhooks
from producer.api.last_resort import LastResort
from producer.api.limits import BodyLimit
from producer.api.openapi import openapi
from producer.services import Services

TAGS = [
    {"name": "jobs", "description": "Submit, follow, cancel, download."},
    {"name": "batches", "description": "Jobs with one label, taken together."},
    {"name": "files", "description": "Pictures uploaded once and used by many jobs."},
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
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        yield
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
    app.add_middleware(BodyLimit, limit=services.settings.max_body_bytes)
    app.add_middleware(LastResort)
    faults.install(app)
    for resource in (jobs, images, batches, files, webhooks, models, health):
        app.include_router(resource.router)
    app.openapi = lambda: openapi(app)  # type: ignore[method-assign]
    return app


def server(services: Services) -> uvicorn.Server:
    """A server for the application at the host and port of the settings; `run()` serves until it is told to stop."""
    config = uvicorn.Config(
        create_app(services),
        host=services.settings.host,
        port=services.settings.port,
        log_config=None,
        access_log=False,
        server_header=False,
        # Long polls would otherwise hold up a stop for a minute.
        timeout_graceful_shutdown=GRACE_SECONDS,
    )
    return uvicorn.Server(config)
