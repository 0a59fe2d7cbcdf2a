"""When jobs are sent, on a clock that the test turns."""

from __future__ import annotations

import pytest

from tests.soak import pace as paces
from tests.soak.pace import LATE_SECONDS, Pace


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(paces, "time", made)
    return made


def sent(pace: Pace, clock: Clock, count: int) -> list[float]:
    """When the next `count` jobs were sent."""
    times = []
    for _ in range(count):
        pace()
        times.append(clock.now - 1000.0)
    return times


def test_jobs_come_by_the_clock(clock: Clock) -> None:
    pace = Pace()
    pace.steady(2.0)
    assert sent(pace, clock, 4) == [0.0, 0.5, 1.0, 1.5]


def test_who_waited_for_an_answer_makes_up_for_it(clock: Clock) -> None:
    pace = Pace()
    pace.steady(2.0)
    sent(pace, clock, 1)
    clock.now += 2.0
    assert sent(pace, clock, 6) == [2.0, 2.0, 2.0, 2.0, 2.5, 3.0]
    assert pace.missed == 0


def test_a_machine_that_stood_still_makes_no_burst_and_it_is_said(clock: Clock) -> None:
    pace = Pace()
    pace.steady(2.0)
    sent(pace, clock, 1)
    clock.now += 100.5
    assert sent(pace, clock, 3) == [100.5, 101.0, 101.5]
    assert pace.missed == 100.0 > LATE_SECONDS
