"""Every route of the interface and how the interface describes itself: without the services behind it."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.routing import APIRoute

from producer.api import (
    batch_results,
    batches,
    detect,
    events,
    feed,
    files,
    health,
    images,
    jobs,
    keys,
    models,
    objections,
    usage,
    webhooks,
)

# Of the interface, as in /v1; not of the program.
API_VERSION = "1"
TAGS = [
    {"name": "jobs", "description": "Submit, follow, cancel, download, erase."},
    {"name": "events", "description": "What happened to all your jobs, for whoever was away."},
    {
        "name": "batches",
        "description": "Tens of thousands of jobs in one request, and jobs with one label, taken together.",
    },
    {"name": "files", "description": "Pictures uploaded once and used by many jobs."},
    {"name": "review", "description": "Appeals and reports: a person's second look."},
    {"name": "detector", "description": "Where a picture comes from."},
    {"name": "webhooks", "description": "Be told instead of asking: endpoints, secrets, deliveries, replay."},
    {"name": "models", "description": "What can paint."},
    {"name": "usage", "description": "What your jobs came to."},
    {"name": "keys", "description": "API keys of your tenant."},
    {"name": "health", "description": "For load balancers and operators; no key needed."},
]
RESOURCES = (
    jobs,
    images,
    events,
    feed,
    batch_results,
    batches,
    files,
    detect,
    objections,
    webhooks,
    models,
    usage,
    keys,
    health,
)


def operation_id(route: APIRoute) -> str:
    """Such as `jobs_submit`: what generated clients name their functions by."""
    # The pages of documentation have no tag, and are not in the document.
    return "_".join([*map(str, route.tags), route.name])


IDENTITY: dict[str, Any] = {
    "title": "inpaintd",
    "version": API_VERSION,
    "openapi_tags": TAGS,
    "generate_unique_id_function": operation_id,
}


def include(app: FastAPI) -> None:
    """Adds every route to `app`."""
    for resource in RESOURCES:
        app.include_router(resource.router)
