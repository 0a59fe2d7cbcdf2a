"""/healthz and /readyz: for whoever runs the service. No key needed, nothing told but up or down."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import redis
import structlog
from fastapi import APIRouter, Response
from pydantic import BaseModel

from producer.api.dependencies import ServicesDep

router = APIRouter(tags=["health"])
log = structlog.get_logger(__name__)

REDIS_SECONDS = 1.0


class Health(BaseModel):
    """The process is alive."""

    status: Literal["ok"] = "ok"


class Readiness(BaseModel):
    """`degraded`: Redis does not answer; jobs are still taken and run, at most a second later."""

    status: Literal["ready", "degraded", "unavailable"]
    checks: dict[str, Literal["ok", "down"]]


@router.get("/healthz", summary="Is the process alive")
async def healthz() -> Health:
    """Asks nothing of anybody else."""
    return Health()


@router.get("/readyz", summary="Can jobs be taken", responses={503: {"model": Readiness, "description": "Not now."}})
def readyz(services: ServicesDep, response: Response) -> Readiness:
    """200 while database and object store answer. A Redis that is down only degrades: SQL is the truth."""
    checks: dict[str, Literal["ok", "down"]] = {
        "database": _probe("database", services.database.ping),
        "objects": _probe("objects", services.objects.ping),
        "redis": _probe("redis", lambda: _ping_redis(services.redis_url)),
    }
    if "down" in (checks["database"], checks["objects"]):
        response.status_code = 503
        return Readiness(status="unavailable", checks=checks)
    return Readiness(status="ready" if checks["redis"] == "ok" else "degraded", checks=checks)


def _probe(name: str, ping: Callable[[], object]) -> Literal["ok", "down"]:
    try:
        ping()
    except Exception as error:  # noqa: BLE001 - each driver has errors of its own; all of them mean down
        log.warning("not_ready", service=name, error=str(error))
        return "down"
    return "ok"


def _ping_redis(url: str) -> None:
    client = redis.Redis.from_url(url, socket_timeout=REDIS_SECONDS, socket_connect_timeout=REDIS_SECONDS)
    with client:
        client.ping()
