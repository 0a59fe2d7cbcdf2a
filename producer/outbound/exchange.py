"""One HTTP request to a checked address, on a connection of its own."""

from __future__ import annotations

import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import version

import httpcore

from producer.outbound.addresses import AddressGuard, Target
from producer.outbound.connecting import CheckedBackend, Deadline

AGENT = f"inpaintd/{version('inpaintd')}"


@contextmanager
def exchange(
    method: str,
    target: Target,
    guard: AddressGuard,
    deadline: Deadline,
    *,
    tls: ssl.SSLContext,
    headers: Mapping[str, str],
    content: bytes | None = None,
) -> Iterator[httpcore.Response]:
    """The answer, its body still to be read. Redirects are not followed; no proxy, no cookies, no compression.

    Raises AddressRefused, httpcore's errors, and OSError or UnicodeError where the name does not resolve.
    """
    url = httpcore.URL(
        scheme=target.scheme.encode(), host=target.host.encode(), port=target.port, target=target.path.encode()
    )
    sent = {"host": _host_header(target), "accept-encoding": "identity", "connection": "close", **headers}
    backend = CheckedBackend(target, guard, deadline)
    with (
        httpcore.ConnectionPool(ssl_context=tls, network_backend=backend) as pool,
        pool.stream(method, url, headers=list(sent.items()), content=content) as response,
    ):
        yield response


def header(response: httpcore.Response, name: bytes) -> str | None:
    """The first value of the header `name` (in lower case); None where there is none."""
    return next((value.decode("latin-1").strip() for key, value in response.headers if key.lower() == name), None)


def _host_header(target: Target) -> str:
    host = f"[{target.host}]" if ":" in target.host else target.host
    default = {"http": 80, "https": 443}[target.scheme]
    return host if target.port == default else f"{host}:{target.port}"
