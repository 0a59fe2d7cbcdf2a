"""A short form of `make soak`: too short to find a leak, long enough to see that all of it is looked at."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.soak.ledger import table
from tests.soak.soak import Plan, soak
from tests.soak.watch import CONNECTIONS, FILES, MEMORY, QUEUE


@pytest.mark.timeout(300)
def test_a_short_soak_is_clean_and_looks_at_everything(tmp_path: Path) -> None:
    said: list[str] = []
    plan = Plan(
        seed=5,  # PostgreSQL sessions are cut
        seconds=4.0,
        worker=("tests.null_worker", "--step-seconds", "0.2"),
        fault_seconds=4.0,
        ramp_seconds=0.5,
        capacity_seconds=1.0,
        sample_seconds=1.0,
        share=1.0,  # programs that have just begun still grow
        copies=1,
    )
    outcome = soak(tmp_path, plan, said.append)
    assert outcome.problems == [], (table(outcome.rows), said)
    assert outcome.report.faults.total() == 1
    assert outcome.report.outcomes["succeeded"] > 5
    assert outcome.visits > 0
    assert outcome.rate == pytest.approx(0.7 * outcome.capacity)
    seen = {(row.track.role, row.track.what) for row in outcome.rows if row.trend is not None}
    for role in ("api", "keeper-1", "worker-1", "redis", "s3", "postgresql"):
        assert {(role, MEMORY), (role, FILES)} <= seen
    assert {("postgresql", CONNECTIONS), ("redis", CONNECTIONS), ("deployment", QUEUE)} <= seen
