"""A short run of `make chaos`."""

from __future__ import annotations

import itertools
from pathlib import Path
from random import Random

import pytest

from tests.chaos.faults import FAULTS, deck
from tests.chaos.run import run


@pytest.mark.timeout(300)
def test_nothing_is_lost_or_doubled_under_random_faults(tmp_path: Path) -> None:
    report = run(tmp_path, seed=2026, jobs=60, faults=8)
    assert report.faults.total() == 8
    assert report.outcomes.total() >= 60 - 8, "callers who gave up may have sent nothing"
    assert report.problems == []


def test_a_deck_holds_every_fault_once() -> None:
    names = [name for name, _ in itertools.islice(deck(Random(1)), 2 * len(FAULTS))]
    assert sorted(names[: len(FAULTS)]) == sorted(names[len(FAULTS) :]) == sorted(FAULTS)
