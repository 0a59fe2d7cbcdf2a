"""Whose fault an error is, and what follows."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.errors import DatabaseUnavailable, ObjectStoreUnavailable
from storage.pictures import PictureError
from worker.errors import DeviceLost, NumericalFailure
from worker.outcomes import FIRST_DELAY_SECONDS, LONGEST_DELAY_SECONDS, OUTCOMES, Then, outcome_of, retry_delay


@pytest.mark.parametrize(
    ("error", "then", "code"),
    [
        (PictureError("mask_empty", "Nothing is left.", "mask"), Then.FAIL, "mask_empty"),
        (NumericalFailure("NaN"), Then.FAIL, "numerical_failure"),
        (ObjectStoreUnavailable("down"), Then.RETRY, "storage_unavailable"),
        (DeviceLost("gone"), Then.CRASH, "device_lost"),
        (DatabaseUnavailable("away"), Then.ABANDON, "storage_unavailable"),
        (ZeroDivisionError(), Then.RETRY, "internal"),
    ],
)
def test_each_error_has_its_outcome(error: Exception, then: Then, code: str) -> None:
    assert (outcome_of(error).then, outcome_of(error).code) == (then, code)


def test_no_row_of_the_table_hides_a_later_one() -> None:
    for place, (kind, _) in enumerate(OUTCOMES):
        assert not any(issubclass(kind, earlier) for earlier, _ in OUTCOMES[:place])


@given(st.integers(0, 200))
def test_retries_back_off_within_bounds(error_count: int) -> None:
    assert FIRST_DELAY_SECONDS / 2 <= retry_delay(error_count) <= LONGEST_DELAY_SECONDS
