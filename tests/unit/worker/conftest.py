"""The workbench as a fixture."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from storage.database import Database
from tests.unit.worker.workbench import Bench
from worker import patience


@pytest.fixture
def bench(sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    monkeypatch.setattr(patience, "PAUSES", (0.0, 0.0, 0.0))
    database = Database(sqlite_url)
    made = Bench(database, tmp_path)
    yield made
    made.tools.close()
