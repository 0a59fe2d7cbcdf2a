"""Two servers for all dialects: a plain one, and one behind TLS that knows its public address."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from redis import Redis

from producer.api import event_stream
from producer.keeper.program import _courier
from tests import servers
from tests.contract.api.callers import tenant
from tests.contract.api.serving import Stack, Tenant, running
from tests.tls import certificate
from tests.tls_front import tls_front

__all__ = ["tenant"]


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A server as `inpaintd up` runs it, without Redis."""
    with running(tmp_path_factory.mktemp("dialects")) as stack:
        yield stack


@pytest.fixture(autouse=True)
def _sql_is_looked_at_often(monkeypatch: pytest.MonkeyPatch) -> None:
    """The plain server has no Redis that would say when it is worth it."""
    monkeypatch.setattr(event_stream, "LOOK_SECONDS", 0.05)


@dataclass(frozen=True)
class Secure:
    """A server behind TLS: `host` with its port, and the file of the authority that its clients have to trust."""

    stack: Stack
    host: str
    authority: Path


@pytest.fixture(scope="session")
def secure(tmp_path_factory: pytest.TempPathFactory, redis_url: str) -> Iterator[Secure]:
    """A server with Redis that may send webhooks to this machine."""
    folder, port = tmp_path_factory.mktemp("secure"), servers.free_port()
    host = f"localhost:{port}"
    context, _ = certificate(folder, "localhost")
    settings = {"public_url": f"https://{host}", "allowed_addresses": ("127.0.0.1",), "redis_url": redis_url}
    with (
        running(folder, **settings) as stack,
        tls_front(context, port, int(stack.url.rpartition(":")[2])),
    ):
        yield Secure(stack, host, folder / "server.pem")


@pytest.fixture
def live(redis_url: str, secure: Secure) -> Iterator[Redis]:
    """Where live news goes to the server behind TLS."""
    with Redis.from_url(redis_url) as redis:
        yield redis


@pytest.fixture
def customer(secure: Secure, request: pytest.FixtureRequest) -> Iterator[Tenant]:
    """A caller of the server behind TLS."""
    customer = secure.stack.tenant(request.node.name)
    with customer.http:
        yield customer


@pytest.fixture
def trusting(secure: Secure, monkeypatch: pytest.MonkeyPatch) -> Secure:
    """The same server, whose authority the clients of this test trust."""
    monkeypatch.setenv("SSL_CERT_FILE", str(secure.authority))
    return secure


_numbers = itertools.count()


@pytest.fixture
def stranger(stack: Stack) -> Iterator[Tenant]:
    """Somebody else."""
    stranger = stack.tenant(f"stranger of dialects {next(_numbers)}")
    with stranger.http:
        yield stranger


def deliver(stack: Stack) -> None:
    """Sends what is due, as the keeper does once a second."""
    courier = _courier(cast(Any, SimpleNamespace(database=stack.services.database)), stack.services.settings)
    courier.turn()
    courier.close()
