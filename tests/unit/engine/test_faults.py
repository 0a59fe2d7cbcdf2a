"""Storms of faults: whatever a device does, every request ends, with its own picture or its own failure."""

import random
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.engine.fake_runner import FakeRunner
from tests.unit.engine.faulty import Fault, FaultyRunner, at, hang
from tests.unit.engine.requests import request
from tests.unit.engine.solo import RecordingRunner, relative_error
from worker.engine.engine import Engine
from worker.errors import DeviceLost, NumericalFailure, OutOfMemory, RequestCanceled
from worker.models import LoadedModel

WAIT = 10.0
ERRORS = {"memory": OutOfMemory("full"), "nan": NumericalFailure("NaN"), "bug": RuntimeError("unforeseen")}
STAGES = ["begin", "predict", "advance", "finish"]


def finish_all(engine: Engine) -> None:
    while engine.turn():
        pass


@given(
    st.lists(st.tuples(st.sampled_from(STAGES), st.integers(0, 30), st.sampled_from(list(ERRORS))), max_size=8),
    st.integers(2, 9),
    st.integers(1, 4),
    st.integers(0, 2**32),
)
def test_every_request_ends_and_no_step_is_lost(
    plan: list[tuple[str, int, str]], row_budget: int, decode_chunk: int, seed: int
) -> None:
    faults: list[Fault] = [at(stage, index, ERRORS[name]) for stage, index, name in plan]
    engine = Engine(FaultyRunner(FakeRunner(), *faults), row_budget, decode_chunk)
    order, steps = random.Random(seed), dict[str, list[int]]()
    futures = {}
    for k in range(6):
        name = str(k)
        steps[name] = []
        on_step = lambda done, total, seen=steps[name]: seen.append(done)  # noqa: E731
        guidance = order.choice([1.0, 7.5])
        futures[name] = engine.submit(
            request(name, steps=order.randint(1, 6), guidance_scale=guidance, on_step=on_step)
        )
        engine.turn()
    finish_all(engine)
    raised = [future.exception(0) for future in futures.values()]
    assert all(error is None or error in ERRORS.values() for error in raised)
    assert sum(error is not None for error in raised) <= len(plan)
    for name, future in futures.items():
        if future.exception(0) is None:
            total = future.result(0).actual_steps
            assert steps[name][-total:] == list(range(1, total + 1))


def test_pictures_that_went_through_a_storm_are_the_ones_that_were_asked_for(model: LoadedModel) -> None:
    items = [request(str(k), steps=4, seed=k, guidance_scale=7.5 if k % 2 else 1.0) for k in range(5)]
    quiet, stormy = RecordingRunner(model), RecordingRunner(model)
    storm = [at("predict", 1, ERRORS["memory"]), at("predict", 4, ERRORS["bug"]), at("finish", 0, ERRORS["memory"])]
    for runner in (quiet, FaultyRunner(stormy, *storm)):
        engine = Engine(runner, decode_chunk=2)
        futures = [engine.submit(item) for item in items]
        finish_all(engine)
        assert all(future.exception(0) is None for future in futures)
    for item in items:
        assert relative_error(stormy.finished[item.id], quiet.finished[item.id]) <= 1e-5


@pytest.mark.parametrize("stage", STAGES)
def test_a_sticky_error_ends_the_engine_for_good(stage: str) -> None:
    engine = Engine(FaultyRunner(FakeRunner(), at(stage, 1, DeviceLost("illegal memory access"))))
    futures = [engine.submit(request(name, steps=2)) for name in ("a", "b", "c")]
    engine.start()
    errors = [future.exception(WAIT) for future in futures]
    assert any(isinstance(error, DeviceLost) for error in errors)
    assert all(error is None or isinstance(error, DeviceLost) for error in errors)
    with pytest.raises(DeviceLost):
        engine.submit(request("late"))
    engine.close()
    assert not engine.alive


@pytest.mark.parametrize("stage", STAGES)
def test_a_call_that_never_returns_shows_as_a_stall(stage: str) -> None:
    gate, entered, clock = threading.Event(), threading.Event(), [0.0]

    def arrive(name: str, before: int, batch: object) -> None:
        if name == stage:
            entered.set()

    engine = Engine(FaultyRunner(FakeRunner(), arrive, hang(stage, 0, gate)), clock=lambda: clock[0])
    future = engine.submit(request("a", steps=1))
    engine.start()
    assert entered.wait(WAIT)
    clock[0] += 121
    assert engine.stalled_seconds == 121
    gate.set()
    assert future.result(WAIT).actual_steps == 1
    engine.close()


def test_after_a_failed_call_and_a_cancel_the_next_picture_is_a_clean_run(model: LoadedModel) -> None:
    runner = RecordingRunner(model)
    engine = Engine(FaultyRunner(runner, at("predict", 1, ERRORS["memory"])))
    canceled, kept = (engine.submit(request(name, steps=3)) for name in ("canceled", "kept"))
    for _ in range(2):
        engine.turn()
    engine.cancel("canceled")
    finish_all(engine)
    again = engine.submit(request("again", steps=3))
    finish_all(engine)
    assert isinstance(canceled.exception(0), RequestCanceled)
    assert kept.exception(0) is again.exception(0) is None
    assert relative_error(runner.finished["again"], runner.finished["kept"]) <= 1e-5
    assert "canceled" not in runner.finished
