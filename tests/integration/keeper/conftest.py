"""What the tests of several duties share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from redis import Redis

from storage.database import Database
from storage.retention_store import RetentionStore
from tests.jobs import Desk


@pytest.fixture
def desk(database: Database) -> Desk:
    """A tenant with its stores."""
    return Desk(database)


@pytest.fixture
def retention(database: Database) -> RetentionStore:
    """The keeper's view of old rows."""
    return RetentionStore(database)


@pytest.fixture
def redis(redis_url: str) -> Iterator[Redis]:
    """The emptied Redis."""
    with Redis.from_url(redis_url) as redis:
        redis.flushall()
        yield redis
