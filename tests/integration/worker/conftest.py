"""One workshop a test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.worker.workshop import Workshop
from tests.service import settings


@pytest.fixture
def workshop(tmp_path: Path, postgres_url: str, redis_url: str) -> Iterator[Workshop]:
    """On PostgreSQL and a folder, with short leases."""
    env = settings(tmp_path, database_url=postgres_url, redis_url=redis_url, s3=None)
    made = Workshop(tmp_path, {**env, "INPAINTD_LEASE_SECONDS": "4"})
    yield made
    made.close()
