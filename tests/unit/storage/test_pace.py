"""How fast jobs were done, from when they ran."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from storage.pace import Pace, Run, pace_of

START = datetime(2026, 1, 1, tzinfo=UTC)


def run(begin: float, end: float, rows: float = 60.0) -> Run:
    return Run(rows, START + timedelta(seconds=begin), START + timedelta(seconds=end))


RUNS = st.lists(
    st.tuples(st.floats(0, 1e4), st.floats(0.01, 100), st.floats(1, 1e4)).map(lambda v: run(v[0], v[0] + v[1], v[2])),
    min_size=1,
    max_size=12,
)


def test_jobs_side_by_side_share_their_time_and_idle_time_does_not_count() -> None:
    assert pace_of([run(0, 10), run(0, 10)]) == Pace(12.0, 20 / 120)
    assert pace_of([run(0, 10), run(1000, 1010)]) == Pace(6.0, 20 / 120)
    assert pace_of([run(0, 10), run(5, 15)]) == Pace(8.0, 20 / 120)


def test_no_jobs_have_no_pace() -> None:
    assert pace_of([]) is None
    assert pace_of([run(5, 5)]) is None


@given(RUNS)
def test_the_order_makes_no_difference_and_all_together_are_never_slower_than_one(runs: list[Run]) -> None:
    pace, turned = pace_of(runs), pace_of(runs[::-1])
    assert pace is not None
    assert turned is not None
    assert abs(pace.rows_per_second - turned.rows_per_second) <= 1e-6 * pace.rows_per_second
    assert pace.rows_per_second * pace.seconds_per_row >= 1 - 1e-6
