"""Servers that the tests of faults may hurt, and one ward a test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import servers
from tests.integration.faults.ward import Ward, open_ward


@pytest.fixture(scope="session")
def postgres() -> Iterator[servers.Postgres]:
    """A PostgreSQL that may be restarted: nobody else uses it."""
    with servers.postgres() as server:
        yield server


@pytest.fixture
def ward(tmp_path: Path, postgres: servers.Postgres, redis_url: str, s3_server: servers.S3Server) -> Iterator[Ward]:
    """Real PostgreSQL, Redis and S3, no processes yet, short leases."""
    with open_ward(tmp_path, postgres, redis_url, s3_server) as made:
        yield made
