"""A short hunt: a case or two for every operation. `make fuzz` goes on from here."""

from __future__ import annotations

from pathlib import Path

from tests.fuzz.ground import ground

CASES = 120


def test_no_operation_is_at_fault(tmp_path: Path, postgres_server: str) -> None:
    with ground(tmp_path, postgres_server) as hunt:
        bag = hunt.run(CASES)
    assert bag.problems == []
    assert bag.cases > CASES / 2
    assert len({label for label, _ in bag.answers}) > 40
