"""The benchmark of idle time works its backlog off through the whole road."""

from bench.engine_idle import at_pace_of, work_off
from worker.engine.simulated import SimulatedRunner, StepTimes

TIMES = StepTimes("for tests", {16: 0.1}, 0.1, 0.1, 0.1, 0.0, 0.0, 0.0, 0.0)


def test_a_backlog_is_worked_off_and_the_time_accounted_for() -> None:
    slept: list[float] = []
    runner = SimulatedRunner(TIMES, slept.append)
    span = work_off(at_pace_of(runner), jobs=14, side=96)
    assert len(slept) == len(runner.calls) + 2 * 14
    assert 0 <= span.idle <= span.seconds
    assert span.jobs <= 14
    assert {"load", "denoise", "mark", "save"} <= set(span.timings)
