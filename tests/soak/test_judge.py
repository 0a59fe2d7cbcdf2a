"""The judge of the soak on series of which the answer is known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.soak.judge import Bound, Trend, trend

BOUND = Bound(warm_seconds=180, least_seconds=120)
COUNT = Bound(warm_seconds=180, least_seconds=120, slack=3)
T = np.arange(0.0, 1800.0, 5.0)
SHARE = (T - BOUND.warm_seconds) / (T[-1] - BOUND.warm_seconds)
MB = 1e6


def noise(percent: float) -> np.ndarray:
    return np.random.default_rng(7).normal(0.0, percent / 100 * 150 * MB, len(T))


def judged(values: np.ndarray, bound: Bound = BOUND) -> Trend:
    found = trend(list(T), list(values), bound)
    assert found is not None
    return found


@pytest.mark.parametrize("percent", [0.0, 1.0, 5.0])
def test_flat_with_noise_passes(percent: float) -> None:
    assert not judged(150 * MB + noise(percent)).grows(BOUND)


def test_growth_of_8_percent_fails_and_is_named_with_its_slope() -> None:
    found = judged(150 * MB * (1 + 0.08 * SHARE) + noise(1.0))
    assert found.grows(BOUND)
    assert found.percent_an_hour == pytest.approx(8 * 3600 / 1615, rel=0.1)
    assert found.end > found.start


def test_growth_of_3_percent_passes() -> None:
    assert not judged(150 * MB * (1 + 0.03 * SHARE) + noise(1.0)).grows(BOUND)


@pytest.mark.parametrize("period", [60.0, 240.0])
def test_the_sawtooth_of_a_garbage_collector_passes(period: float) -> None:
    assert not judged(150 * MB * (1 + 0.2 * (T % period) / period) + noise(0.5)).grows(BOUND)


def test_a_leak_below_a_sawtooth_fails() -> None:
    assert judged(150 * MB * (1 + 0.1 * (T % 60) / 60 + 0.08 * SHARE)).grows(BOUND)


def test_what_grows_in_the_warm_up_alone_passes() -> None:
    assert not judged(150 * MB * np.minimum(1.0, 0.5 + T / 340)).grows(BOUND)


def test_peaks_at_faults_pass_and_are_shown() -> None:
    found = judged(np.where(T % 60 < 10, 400.0, 100.0) * MB)
    assert not found.grows(BOUND)
    assert found.peak == 400 * MB


def test_a_connection_lost_at_every_fault_fails() -> None:
    assert judged(20 + T // 300, COUNT).grows(COUNT)
    assert not judged(20 + np.round(np.abs(noise(1.0)) / MB), COUNT).grows(COUNT)


def test_steps_upwards_fail() -> None:
    assert judged(150 * MB * (1 + 0.04 * (T // 450))).grows(BOUND)


def test_nothing_is_said_of_a_life_that_was_too_short() -> None:
    assert trend([], [], BOUND) is None
    assert trend([0.0, 5.0, 299.0], [1.0, 2.0, 3.0], BOUND) is None


@settings(max_examples=25)
@given(st.floats(1.0, 1e9), st.floats(0.06, 3.0))
def test_whatever_the_size_a_line_is_found_to_grow_by_what_it_grows(start: float, share: float) -> None:
    found = judged(start * (1 + share * SHARE))
    assert found.rise == pytest.approx(share * start, rel=1e-3)
    assert found.grows(BOUND)
