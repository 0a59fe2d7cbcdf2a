"""Serving metrics to Prometheus, on a port of their own: whoever calls the service cannot reach them there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import structlog
from prometheus_client import CollectorRegistry, start_http_server

log = structlog.get_logger(__name__)

LOOPBACK = "127.0.0.1"


@contextmanager
def serving(registry: CollectorRegistry, host: str, port: int) -> Iterator[None]:
    """Serves `registry` on `host` and `port` for the time of the block; port 0 serves nothing.

    Raises OSError when the port is taken.
    """
    if port == 0:
        yield
        return
    server, thread = start_http_server(port, host, registry=registry)
    log.info("metrics_served", host=host, port=port)
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
