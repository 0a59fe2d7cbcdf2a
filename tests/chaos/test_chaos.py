"""A short run of `make chaos`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.chaos.run import run


@pytest.mark.timeout(300)
def test_nothing_is_lost_or_doubled_under_random_faults(tmp_path: Path) -> None:
    report = run(tmp_path, seed=2026, jobs=60, faults=8)
    assert report.faults.total() == 8
    assert report.outcomes.total() >= 60 - 8, "callers who gave up may have sent nothing"
    assert report.problems == []
