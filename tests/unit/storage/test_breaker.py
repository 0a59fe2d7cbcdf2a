"""The circuit breaker and the schedule of webhooks, as arithmetic."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from storage.breaker import FAILURES, FIRST_SECONDS, LONGEST_SECONDS, Breaker, open_seconds
from storage.webhook_schedule import LONGEST_WISH, SCHEDULE, seconds_until_next

NOW = datetime(2026, 11, 22, tzinfo=UTC)
# Each step: seconds that pass, and whether the attempt then succeeds.
STEPS = st.lists(st.tuples(st.floats(0, 7200), st.booleans()), max_size=60)


def test_it_opens_at_the_fifth_failure_for_a_minute_and_doubles_up_to_an_hour() -> None:
    breaker, now, opened = Breaker(), NOW, []
    for _ in range(13):
        breaker = breaker.failed(now)
        if breaker.opened_until is not None:
            opened.append((breaker.opened_until - now).total_seconds())
            now = breaker.opened_until
    assert opened == [60, 120, 240, 480, 960, 1920, 3600, 3600, 3600]


@given(STEPS)
def test_it_is_open_only_after_enough_failures_in_a_row_and_never_longer_than_an_hour(
    steps: list[tuple[float, bool]],
) -> None:
    breaker, now, in_a_row = Breaker(), NOW, 0
    for seconds, succeeds in steps:
        now += timedelta(seconds=seconds)
        was_open = breaker.is_open(now)
        before = breaker
        breaker = breaker.succeeded() if succeeds else breaker.failed(now)
        in_a_row = 0 if succeeds else in_a_row + (not was_open)
        assert breaker.failures == in_a_row
        assert breaker.is_open(now) == (in_a_row >= FAILURES)
        if was_open and not succeeds:
            assert breaker == before
        if breaker.is_open(now) and not was_open and breaker.opened_until is not None:
            assert FIRST_SECONDS <= (breaker.opened_until - now).total_seconds() <= LONGEST_SECONDS


@given(st.integers(FAILURES, 10_000))
def test_waits_never_shrink_while_it_fails(failures: int) -> None:
    assert FIRST_SECONDS <= open_seconds(failures) <= open_seconds(failures + 1) <= LONGEST_SECONDS


@given(
    made=st.integers(1, 20),
    chance=st.floats(0, 1, exclude_max=True),
    wish=st.none() | st.floats(0, 1e9),
)
def test_the_schedule(made: int, chance: float, wish: float | None) -> None:
    wait = seconds_until_next(made, chance=chance, wish=wish)
    if made >= len(SCHEDULE):
        assert wait is None
        return
    assert wait is not None
    assert wait >= SCHEDULE[made]
    assert wait >= min(wish or 0, LONGEST_WISH)
    assert wait <= max(SCHEDULE[made] * 1.1, wish or 0)


def test_the_schedule_is_that_of_standard_webhooks() -> None:
    hours = [h * 3600.0 for h in (2, 5, 10, 14, 20, 24)]
    assert list(SCHEDULE) == [0.0, 5.0, 300.0, 1800.0, *hours]
