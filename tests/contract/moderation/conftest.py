"""Moderators on both databases."""

from __future__ import annotations

from pathlib import Path

import pytest

from safety.policy import Policy
from storage.database import Database
from tests.contract.moderation.office import Office
from tests.packaged import POLICY


@pytest.fixture(scope="session")
def policy() -> Policy:
    return POLICY


@pytest.fixture
def office(database: Database, tmp_path: Path, policy: Policy) -> Office:
    return Office(database, tmp_path / "objects", policy)
