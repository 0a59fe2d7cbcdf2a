"""The engine's manners: sharing, canceling, calling, failing, draining. No networks here."""

import threading
from collections.abc import Callable, Iterator

import pytest

from tests.unit.engine.fake_runner import FakeRunner
from tests.unit.engine.requests import cell_mask, noise_image, request
from worker.engine.engine import Engine
from worker.engine.pace import Pace
from worker.errors import DeviceLost, EngineDraining, RequestCanceled

WAIT = 10.0


@pytest.fixture
def make_engine() -> Iterator[Callable[..., Engine]]:
    engines: list[Engine] = []

    def make(runner: FakeRunner, row_budget: int = 16) -> Engine:
        engines.append(Engine(runner, row_budget))
        return engines[-1]

    yield make
    for engine in engines:
        engine.close()


def test_waiting_requests_share_unet_calls(make_engine: Callable[..., Engine]) -> None:
    runner = FakeRunner()
    engine = make_engine(runner)
    futures = [engine.submit(request(str(k), steps=20)) for k in range(8)]
    engine.start()
    for future in futures:
        future.result(WAIT)
    assert max(map(len, runner.batches)) == 8
    assert len(runner.batches) <= 8 * 20 / 4, "a quarter of the calls that eight lone runs would make"
    assert engine.steps_done == len(runner.batches)


def test_the_row_budget_is_kept(make_engine: Callable[..., Engine]) -> None:
    runner = FakeRunner()
    engine = make_engine(runner, row_budget=5)
    futures = [engine.submit(request(str(k), guidance_scale=1.0 if k % 2 else 7.5)) for k in range(8)]
    engine.start()
    for future in futures:
        future.result(WAIT)
    assert max(sum(1 if int(name) % 2 else 2 for name in names) for names in runner.batches) <= 5


def test_progress_counts_to_the_actual_steps(make_engine: Callable[..., Engine]) -> None:
    engine, seen = make_engine(FakeRunner()), list[tuple[int, int]]()
    engine.start()
    result = engine.submit(request("a", steps=10, strength=0.3, on_step=lambda *step: seen.append(step))).result(WAIT)
    assert seen == [(1, 3), (2, 3), (3, 3)]
    assert result.actual_steps == 3
    assert set(result.seconds) == {"prepare", "denoise", "decode"}


@pytest.mark.parametrize("cancel_at", [1, 4])
def test_cancel_stops_before_the_next_step_and_nothing_is_decoded(
    make_engine: Callable[..., Engine], cancel_at: int
) -> None:
    runner = FakeRunner()
    engine, seen = make_engine(runner), list[int]()

    def cancel_then(done: int, total: int) -> None:
        seen.append(done)
        if done == cancel_at:
            assert engine.cancel("a")

    future = engine.submit(request("a", steps=4, on_step=cancel_then))
    neighbour = engine.submit(request("b", steps=9))
    engine.start()
    with pytest.raises(RequestCanceled):
        future.result(WAIT)
    neighbour.result(WAIT)
    assert seen[-1] == cancel_at
    assert runner.decoded == [["b"]]
    assert not engine.cancel("a")


def test_cancel_reaches_a_request_that_has_not_begun(make_engine: Callable[..., Engine]) -> None:
    runner = FakeRunner()
    engine = make_engine(runner)
    future = engine.submit(request("a"))
    assert engine.cancel("a")
    engine.start()
    with pytest.raises(RequestCanceled):
        future.result(WAIT)
    assert runner.batches == []
    assert not engine.cancel("never seen")


def test_a_cancel_that_was_accepted_while_decoding_is_kept(make_engine: Callable[..., Engine]) -> None:
    runner = FakeRunner()
    engine = make_engine(runner)
    accepted: list[bool] = []
    runner.on_finish = lambda name: accepted.append(engine.cancel(name))
    future = engine.submit(request("a"))
    engine.start()
    with pytest.raises(RequestCanceled):
        future.result(WAIT)
    assert accepted == [True]


def test_an_id_can_come_back_after_it_was_canceled(make_engine: Callable[..., Engine]) -> None:
    engine = make_engine(FakeRunner())
    first = engine.submit(request("a"))
    with pytest.raises(ValueError, match="already in the engine"):
        engine.submit(request("a"))
    engine.cancel("a")
    engine.start()
    with pytest.raises(RequestCanceled):
        first.result(WAIT)
    assert engine.submit(request("a")).result(WAIT).actual_steps == 4


def test_calls_run_on_the_engine_thread_between_steps(make_engine: Callable[..., Engine]) -> None:
    runner = FakeRunner()
    engine = make_engine(runner)
    runner.gate.clear()
    job = engine.submit(request("a", steps=3))
    engine.start()
    assert runner.entered.wait(WAIT)
    call = engine.call(lambda: (threading.current_thread().name, runner.predicting, len(runner.batches)))
    assert not call.done(), "a UNet call is running"
    runner.gate.set()
    assert call.result(WAIT) == ("engine", False, 1)
    job.result(WAIT)


def test_calls_run_without_requests_and_keep_their_errors(make_engine: Callable[..., Engine]) -> None:
    engine = make_engine(FakeRunner())
    engine.start()
    assert engine.call(lambda: 42).result(WAIT) == 42
    with pytest.raises(ZeroDivisionError):
        engine.call(lambda: 1 // 0).result(WAIT)
    assert engine.call(lambda: 43).result(WAIT) == 43


@pytest.mark.parametrize("stage", ["begin", "predict", "advance", "finish"])
def test_only_the_culprit_fails(make_engine: Callable[..., Engine], stage: str) -> None:
    engine = make_engine(FakeRunner({(stage, "bad"): RuntimeError("broken picture")}))
    good = [engine.submit(request(name, steps=3)) for name in ("first", "second")]
    bad = engine.submit(request("bad", steps=3))
    engine.start()
    with pytest.raises(RuntimeError, match="broken picture"):
        bad.result(WAIT)
    assert [future.result(WAIT).actual_steps for future in good] == [3, 3]
    assert engine.alive


def test_a_failed_step_is_not_taken_twice_by_the_innocent(make_engine: Callable[..., Engine]) -> None:
    runner = FakeRunner({("predict", "bad"): RuntimeError("broken picture")})
    engine, steps = make_engine(runner), list[int]()
    good = engine.submit(request("good", steps=5, on_step=lambda done, total: steps.append(done)))
    engine.submit(request("bad", steps=5))
    engine.start()
    good.result(WAIT)
    assert steps == [1, 2, 3, 4, 5]


def test_a_progress_callback_that_fails_fails_its_own_request(make_engine: Callable[..., Engine]) -> None:
    def fail(done: int, total: int) -> None:
        raise KeyError("listener")

    engine = make_engine(FakeRunner())
    bad, good = engine.submit(request("bad", on_step=fail)), engine.submit(request("good"))
    engine.start()
    with pytest.raises(KeyError):
        bad.result(WAIT)
    good.result(WAIT)


@pytest.mark.parametrize("stage", ["begin", "predict", "advance", "finish"])
def test_a_lost_device_fails_all_and_ends_the_engine(make_engine: Callable[..., Engine], stage: str) -> None:
    engine = make_engine(FakeRunner({(stage, "bad"): DeviceLost("fell off the bus")}))
    futures = [engine.submit(request(name, steps=50 if name == "other" else 3)) for name in ("other", "bad")]
    engine.start()
    for future in futures:
        with pytest.raises(DeviceLost, match="fell off the bus"):
            future.result(WAIT)
    with pytest.raises(DeviceLost):
        engine.submit(request("late"))
    with pytest.raises(DeviceLost):
        engine.call(lambda: None)
    engine.close()
    assert not engine.alive


def test_drain_refuses_newcomers_and_waits_for_the_rest(make_engine: Callable[..., Engine]) -> None:
    runner = FakeRunner()
    engine = make_engine(runner)
    runner.gate.clear()
    future = engine.submit(request("a", steps=2))
    engine.start()
    assert runner.entered.wait(WAIT)
    assert not engine.drain(0)
    with pytest.raises(EngineDraining):
        engine.submit(request("b"))
    check = engine.call(lambda: "classified")
    runner.gate.set()
    assert engine.drain(WAIT)
    assert future.result(WAIT).actual_steps == 2
    assert check.result(WAIT) == "classified"


def test_close_fails_what_is_left(make_engine: Callable[..., Engine]) -> None:
    engine = make_engine(FakeRunner())
    future, call = engine.submit(request("a")), engine.call(lambda: 1)
    engine.close()
    for left in (future, call):
        with pytest.raises(EngineDraining):
            left.result(0)
    with pytest.raises(EngineDraining):
        engine.submit(request("b"))


def test_sizes_take_turns(make_engine: Callable[..., Engine]) -> None:
    runner = FakeRunner()
    engine = make_engine(runner, row_budget=2)
    popular = [engine.submit(request(f"popular{k}", steps=10)) for k in range(5)]
    rare = engine.submit(request("rare", steps=3, image=noise_image(0, 64, 72), mask=cell_mask(64, 72)))
    engine.start()
    for future in [*popular, rare]:
        future.result(WAIT)
    last = max(index for index, names in enumerate(runner.batches) if "rare" in names)
    first = min(index for index, names in enumerate(runner.batches) if "rare" in names)
    assert last - first <= 2 * 3, "every second call belongs to the rare size"


def test_a_stalled_engine_is_told_from_an_idle_one(make_engine: Callable[..., Engine]) -> None:
    runner = FakeRunner()
    engine = make_engine(runner)
    engine.start()
    assert engine.stalled_seconds == 0
    runner.gate.clear()
    future = engine.submit(request("a", steps=2))
    assert runner.entered.wait(WAIT)
    first = engine.stalled_seconds
    threading.Event().wait(0.02)
    assert engine.stalled_seconds >= first + 0.02
    runner.gate.set()
    future.result(WAIT)
    engine.call(lambda: None).result(WAIT)
    assert engine.drain(WAIT)
    threading.Event().wait(0.05)
    assert engine.stalled_seconds == 0


def test_a_call_that_hangs_counts_as_a_stall(make_engine: Callable[..., Engine]) -> None:
    engine = make_engine(FakeRunner())
    engine.start()
    entered, gate = threading.Event(), threading.Event()

    def hang() -> None:
        entered.set()
        gate.wait(WAIT)

    future = engine.call(hang)
    assert entered.wait(WAIT)
    threading.Event().wait(0.02)
    assert engine.stalled_seconds >= 0.02
    gate.set()
    future.result(WAIT)


def test_the_pace_divides_a_call_among_those_who_shared_it() -> None:
    pace = Pace()
    assert (pace.last, pace.mean) == (None, None)
    pace.note(8.0, 4)
    assert (pace.last, pace.mean) == (2.0, 2.0)
    pace.note(1.0, 1)
    assert (pace.last, pace.mean) == (1.0, pytest.approx(1.9))
