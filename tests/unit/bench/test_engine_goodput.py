"""What continuous batching brings, on the engine itself, and that the policies beside it get what is theirs."""

import logging
from collections.abc import Iterator
from itertools import pairwise

import pytest
import structlog

from bench.engine_continuous import continuous, simulate
from bench.engine_goodput import ALIKE, MIXED, MODEL, SEEDS, TO_NAIVE, TO_STATIC, TUNING_SEEDS, compare, ratios, tune
from bench.engine_policies import naive, sequential, static
from bench.goodput import Traces, centile
from bench.traffic import Arrival, poisson
from worker.engine.simulated import StepTimes

TIMES = StepTimes.read(MODEL)


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    before = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    yield
    structlog.configure(**before)


def test_continuous_batching_serves_what_was_promised_in_multiples_of_the_others() -> None:
    tuned = tune(Traces(TIMES, MIXED, 40, TUNING_SEEDS[:1]))
    served = compare(Traces(TIMES, MIXED, 100, SEEDS[:2]), tuned)
    to_static, to_naive = ratios(served)
    assert to_static >= TO_STATIC
    assert to_naive >= TO_NAIVE


def test_the_same_arrivals_give_the_same_seconds() -> None:
    arrivals = poisson(MIXED, 4.0, 50, 1)
    assert simulate(TIMES, arrivals, 12).taken == simulate(TIMES, arrivals, 12).taken


def test_another_rate_brings_the_same_jobs() -> None:
    slow, fast = (poisson(MIXED, rate, 50, 1) for rate in (1.0, 4.0))
    assert [(job.steps, job.guided) for job in slow] == [(job.steps, job.guided) for job in fast]
    assert [job.at for job in slow] == pytest.approx([4 * job.at for job in fast])


def test_a_job_alone_takes_equally_long_in_batches_and_one_by_one() -> None:
    job = [Arrival(3.0, 30, True)]
    alone = (TIMES.begin + 30 * TIMES.call(2) + TIMES.finish + TIMES.safety + TIMES.encode) / 1000
    for policy in (sequential, static(8, 0.0), continuous(12)):
        assert policy(TIMES, job) == pytest.approx([alone])


@pytest.mark.parametrize("other", [Arrival(0.0, 31, True), Arrival(0.0, 30, False)])
def test_static_batches_share_calls_among_like_jobs_only(other: Arrival) -> None:
    like = [Arrival(0.0, 30, True), Arrival(0.0, 30, True)]
    together, apart = static(8, 0.0)(TIMES, like), static(8, 0.0)(TIMES, [like[0], other])
    assert together[0] == together[1] < sum(sequential(TIMES, like[:1]) * 2)
    assert apart == pytest.approx(sequential(TIMES, [like[0], other]))
    assert static(1, 0.0)(TIMES, like) == pytest.approx(sequential(TIMES, like))


def test_a_static_window_waits_for_company_until_the_batch_is_full() -> None:
    pair = [Arrival(0.0, 30, True), Arrival(0.1, 30, True)]
    patient, full = static(8, 0.2)(TIMES, pair), static(2, 0.2)(TIMES, pair)
    assert patient[0] == pytest.approx(patient[1] + 0.1)
    assert full == pytest.approx([seconds - 0.1 for seconds in patient])


def test_the_naive_loop_does_everything_in_turn() -> None:
    first, second = naive(TIMES, [Arrival(0.0, 20, False), Arrival(0.0, 20, False)])
    rest = TIMES.begin + TIMES.finish + TIMES.naive_safety + TIMES.naive_encode
    assert first == pytest.approx((rest + 20 * TIMES.naive_step) / 1000)
    assert second == pytest.approx(2 * first)


def test_where_jobs_are_alike_static_batching_is_no_worse_than_sequential() -> None:
    arrivals = poisson(ALIKE[-1], 2.5, 100, 1)
    assert centile(static(8, 0.0)(TIMES, arrivals), 95) < centile(sequential(TIMES, arrivals), 95)


def test_a_centile_is_one_of_the_values() -> None:
    assert [centile(range(1, 21), percent) for percent in (5, 50, 95, 100)] == [1, 10, 19, 20]


def test_more_arrivals_take_longer() -> None:
    traces = Traces(TIMES, MIXED, 100, (1,))
    seconds = [centile(traces.seconds(continuous(12), rate), 95) for rate in (1.0, 3.0, 5.0, 7.0)]
    assert all(before < after for before, after in pairwise(seconds))
