"""A real Redis of one's own, out of a wheel."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from tests import servers


@contextlib.contextmanager
def embedded_redis(folder: Path) -> Iterator[str]:
    """The address of a server that lives in `folder` until the end of the block."""
    port = servers.free_port()
    command, is_up = servers.redis_server(folder, port)
    with servers.running(command, is_up, folder / "redis.log"):
        yield f"redis://127.0.0.1:{port}/0"
