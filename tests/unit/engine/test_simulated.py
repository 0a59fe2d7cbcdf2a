"""The engine on a virtual clock, with a table in place of a device."""

import json
from pathlib import Path

import pytest

from tests.unit.engine.requests import request
from worker.engine.engine import Engine
from worker.engine.simulated import SimulatedRunner, StepTimes, VirtualClock, run_until_done
from worker.errors import RequestCanceled

TIMES = StepTimes("for tests", {1: 10.0, 2: 12.0, 4: 20.0}, 100.0, 50.0, 5.0, 0.0, 0.0, 0.0, 0.0)


def simulated(row_budget: int = 4) -> tuple[Engine, SimulatedRunner, VirtualClock]:
    clock = VirtualClock()
    runner = SimulatedRunner(TIMES, clock.advance)
    return Engine(runner, row_budget, clock=clock), runner, clock


def test_a_table_is_read_as_it_is_written(tmp_path: Path) -> None:
    fields = {name: getattr(TIMES, name) for name in TIMES.__slots__}
    path = tmp_path / "table.json"
    path.write_text(json.dumps({**fields, "unet": {"4": 20.0, "1": 10.0, "2": 12.0}}))
    assert StepTimes.read(path) == TIMES


def test_rows_between_two_buckets_cost_what_the_next_one_costs() -> None:
    assert [TIMES.call(rows) for rows in (1, 2, 3, 4)] == [10.0, 12.0, 20.0, 20.0]
    with pytest.raises(ValueError, match="smaller row budget"):
        TIMES.call(5)


def test_what_is_due_happens_at_its_own_moment_and_in_order() -> None:
    clock, seen = VirtualClock(), []
    for moment in (2.0, 1.0, 9.0):
        clock.at(moment, lambda: seen.append(clock()))
    clock.advance(5.0)
    assert (seen, clock()) == ([1.0, 2.0], 5.0)
    assert clock.skip()
    assert (seen, clock()) == ([1.0, 2.0, 9.0], 9.0)
    assert not clock.skip()


def test_a_request_alone_takes_the_time_of_its_parts() -> None:
    engine, runner, clock = simulated()
    future = engine.submit(request("a", steps=3))
    run_until_done(engine, clock)
    assert future.result(0).seconds == pytest.approx({"prepare": 0.1, "denoise": 3 * 0.012, "decode": 0.05})
    assert clock() == pytest.approx(0.1 + 3 * 0.012 + 0.05)
    assert runner.calls == [2, 2, 2]


def test_one_that_comes_during_a_call_is_in_the_next() -> None:
    engine, runner, clock = simulated()
    engine.submit(request("a", steps=3))
    clock.at(0.105, lambda: engine.submit(request("b", steps=2)))
    run_until_done(engine, clock)
    assert runner.calls == [2, 4, 4]


def test_one_that_is_canceled_during_a_call_is_not_in_the_next() -> None:
    engine, runner, clock = simulated()
    futures = [engine.submit(request(name, steps=3)) for name in "ab"]
    clock.at(0.21, lambda: engine.cancel("b"))
    run_until_done(engine, clock)
    assert runner.calls == [4, 2, 2]
    assert futures[0].result(0).actual_steps == 3
    with pytest.raises(RequestCanceled):
        futures[1].result(0)


def test_the_time_between_two_arrivals_is_idle_time() -> None:
    engine, _, clock = simulated()
    engine.submit(request("a", steps=1))
    clock.at(10.0, lambda: engine.submit(request("b", steps=1)))
    run_until_done(engine, clock)
    alone = 0.1 + 0.012 + 0.05
    assert engine.busy_seconds == pytest.approx(2 * alone)
    assert engine.idle_seconds == pytest.approx(10.0 - alone)
