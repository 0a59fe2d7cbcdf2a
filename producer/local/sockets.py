"""Ports that nobody else has."""

from __future__ import annotations

import socket

from producer.local_errors import PortTaken

LOOPBACK = "127.0.0.1"
BACKLOG = 256


def listen(port: int) -> socket.socket:
    """A socket that listens on this machine alone, on a free port where `port` is 0. Raises PortTaken.

    It is handed to the program that serves it, so nobody can take the port in between.
    """
    server = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        server.bind((LOOPBACK, port))
        server.listen(BACKLOG)
    except OSError as problem:
        server.close()
        raise PortTaken(
            f"Port {port} cannot be used ({problem.strerror}); choose another, or 0 for a free one."
        ) from None
    return server


def free_port() -> int:
    """A port that was free a moment ago, for a program that cannot be handed a socket."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])
