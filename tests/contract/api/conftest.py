"""One server for all contract tests, and a tenant of its own for each."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest
import structlog

from tests.contract.api.callers import tenant
from tests.contract.api.serving import Stack, Tenant, running

__all__ = ["tenant"]

_numbers = itertools.count()


@pytest.fixture(scope="session", autouse=True)
def _plain_logs() -> Iterator[None]:
    """Unconfigured, structlog prints the local variables of every frame of a traceback, which takes minutes here."""
    processors = [structlog.processors.format_exc_info, structlog.processors.KeyValueRenderer()]
    structlog.configure(processors=processors)
    yield
    structlog.reset_defaults()


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A server without Redis."""
    with running(tmp_path_factory.mktemp("stack")) as stack:
        yield stack


@pytest.fixture
def stranger(stack: Stack) -> Iterator[Tenant]:
    """Somebody else."""
    stranger = stack.tenant(f"stranger {next(_numbers)}")
    with stranger.http:
        yield stranger
