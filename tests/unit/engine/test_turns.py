"""An engine driven turn by turn on a virtual clock: what happens in which turn, and how its time is told."""

from collections.abc import Sequence

import pytest

from tests.unit.engine.fake_runner import FakeRunner, FakeTrajectory
from tests.unit.engine.requests import cell_mask, noise_image, request
from worker.engine.engine import Engine
from worker.engine.request import InpaintRequest, Pixels
from worker.engine.watch import Watch
from worker.errors import DeviceLost

BEGIN_SECONDS, STEP_SECONDS, DECODE_SECONDS = 2.0, 1.0, 4.0


class Clock:
    """Seconds that pass only when somebody works."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class TimedRunner(FakeRunner):
    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self._clock = clock

    def begin(self, request: InpaintRequest, precise: bool = False) -> FakeTrajectory:
        self._clock.now += BEGIN_SECONDS
        return super().begin(request, precise)

    def predict(self, batch: Sequence[FakeTrajectory]) -> list[int]:
        self._clock.now += STEP_SECONDS
        return super().predict(batch)

    def finish(self, batch: Sequence[FakeTrajectory]) -> list[Pixels]:
        self._clock.now += DECODE_SECONDS
        return super().finish(batch)


def finish_all(engine: Engine) -> int:
    turns = 1
    while engine.turn():
        turns += 1
    return turns


def test_a_result_tells_its_seconds_by_the_engines_clock() -> None:
    clock = Clock()
    engine = Engine(TimedRunner(clock), clock=clock)
    future = engine.submit(request("a", steps=3))
    assert finish_all(engine) == 3 + 1
    assert future.result(0).seconds == {
        "prepare": BEGIN_SECONDS,
        "denoise": 3 * STEP_SECONDS,
        "decode": DECODE_SECONDS,
    }
    assert engine.pace.last == STEP_SECONDS


def test_busy_and_idle_seconds_add_up_to_all_of_the_time() -> None:
    clock = Clock()
    engine = Engine(TimedRunner(clock), clock=clock)
    assert (engine.busy_seconds, engine.idle_seconds) == (0, 0)
    engine.submit(request("a", steps=3))
    finish_all(engine)
    clock.now += 10
    engine.submit(request("b", steps=1))
    finish_all(engine)
    assert engine.busy_seconds == 2 * BEGIN_SECONDS + 4 * STEP_SECONDS + 2 * DECODE_SECONDS
    assert engine.idle_seconds == 10


def test_a_turn_that_hangs_is_seen_from_outside() -> None:
    clock = Clock()
    watch = Watch(clock)
    clock.now += 50
    assert watch.stalled_seconds == 0
    with watch.turn():
        clock.now += 7
        assert (watch.stalled_seconds, watch.busy_seconds) == (7, 7)
        watch.move()
        assert watch.stalled_seconds == 0
    clock.now += 50
    assert (watch.stalled_seconds, watch.busy_seconds, watch.idle_seconds) == (0, 7, 50)


def test_an_empty_floor_fills_within_few_calls() -> None:
    runner = FakeRunner()
    engine = Engine(runner, row_budget=16)
    for k in range(12):
        engine.submit(request(str(k), steps=9))
    for _ in range(3):
        engine.turn()
    assert [len(names) for names in runner.batches] == [4, 8, 8]


def test_a_rare_shape_begins_although_the_calls_are_full() -> None:
    runner = FakeRunner()
    engine = Engine(runner, row_budget=2)
    for k in range(3):
        engine.submit(request(f"popular{k}", steps=9))
    engine.submit(request("rare", image=noise_image(0, 64, 72), mask=cell_mask(64, 72)))
    for _ in range(6):
        engine.turn()
    assert ["rare"] in runner.batches


def test_many_calls_do_not_hold_up_a_step_for_long() -> None:
    """Classifiers of other jobs come as calls: a few between two steps."""
    runner = FakeRunner()
    engine = Engine(runner)
    engine.submit(request("a", steps=3))
    calls = [engine.call(lambda: len(runner.batches)) for _ in range(10)]
    finish_all(engine)
    assert [call.result(0) for call in calls] == [0] * 4 + [1] * 4 + [2] * 2


def test_finished_pictures_of_one_shape_are_decoded_together() -> None:
    runner = FakeRunner()
    engine = Engine(runner, decode_chunk=2)
    for name in ("a", "b", "c"):
        engine.submit(request(name, steps=2))
    engine.submit(request("wide", steps=2, image=noise_image(0, 64, 72), mask=cell_mask(64, 72)))
    finish_all(engine)
    assert sorted(runner.decoded) == [["a", "b"], ["c"], ["wide"]]


def test_one_picture_that_cannot_be_decoded_does_not_spoil_the_others() -> None:
    runner = FakeRunner({("finish", "bad"): RuntimeError("broken latents")})
    engine = Engine(runner, decode_chunk=4)
    futures = {name: engine.submit(request(name, steps=1)) for name in ("a", "bad", "b")}
    finish_all(engine)
    assert runner.decoded == [["a"], ["b"]]
    with pytest.raises(RuntimeError, match="broken latents"):
        futures["bad"].result(0)
    assert futures["a"].result(0).actual_steps == futures["b"].result(0).actual_steps == 1


def test_a_lost_device_is_told_to_whoever_drives() -> None:
    engine = Engine(FakeRunner({("predict", "a"): DeviceLost("fell off the bus")}))
    engine.submit(request("a"))
    with pytest.raises(DeviceLost):
        engine.turn()
