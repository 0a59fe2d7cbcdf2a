"""Step arithmetic and the shapes of a request."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.engine.requests import request
from worker.engine.request import steps_to_run


@given(st.integers(1, 150), st.integers(1, 1000))
def test_steps_are_exact_in_decimal(steps: int, thousandths: int) -> None:
    assert steps_to_run(steps, thousandths / 1000) == max(1, steps * thousandths // 1000)


def test_where_binary_arithmetic_goes_wrong() -> None:
    assert int(50 * 0.58) == 28
    assert request("a", steps=50, strength=0.58).actual_steps == 29


@pytest.mark.parametrize("shape", [(64, 60), (72, 64)])
def test_arrays_that_do_not_fit_are_refused(shape: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="multiples of 8"):
        request("a", mask=np.ones(shape, dtype=bool))
