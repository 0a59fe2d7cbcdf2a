"""Out of memory: the row budget shrinks, nobody is punished for it, and what was lost is carefully won back."""

import pytest

from tests.unit.engine.fake_runner import FakeRunner
from tests.unit.engine.faulty import FaultyRunner, above, at
from tests.unit.engine.requests import cell_mask, noise_image, request
from worker.engine.budget import PATIENCE, RowBudget
from worker.engine.engine import Engine
from worker.errors import OutOfMemory

FULL = OutOfMemory("the device ran out of memory")


def finish_all(engine: Engine) -> None:
    while engine.turn():
        pass


def rows_of(runner: FaultyRunner, stage: str) -> list[int]:
    return [rows for name, rows in runner.calls if name == stage]


def test_a_call_that_does_not_fit_halves_the_budget_and_everyone_goes_on() -> None:
    runner = FaultyRunner(FakeRunner(), above("predict", 5, FULL))
    engine, steps = Engine(runner, row_budget=16), list[int]()
    futures = [
        engine.submit(request(str(k), steps=6, on_step=lambda done, total: steps.append(done))) for k in range(8)
    ]
    finish_all(engine)
    assert [future.result(0).actual_steps for future in futures] == [6] * 8
    assert sorted(steps) == sorted([1, 2, 3, 4, 5, 6] * 8), "no step is taken twice"
    tried = rows_of(runner, "predict")
    assert tried[:2] == [8, 4]
    assert max(tried[1:]) == 4
    assert rows_of(runner, "begin") == [0] * 8


def test_a_picture_that_does_not_fit_alone_fails_alone() -> None:
    runner = FaultyRunner(FakeRunner({("predict", "huge"): FULL}))
    engine = Engine(runner, row_budget=8)
    huge, *others = (engine.submit(request(name, steps=3)) for name in ("huge", "a", "b"))
    finish_all(engine)
    with pytest.raises(OutOfMemory):
        huge.result(0)
    assert [future.result(0).actual_steps for future in others] == [3, 3]


@pytest.mark.parametrize("stage", ["begin", "predict", "advance", "finish"])
def test_a_picture_that_did_not_fit_once_gets_a_second_try(stage: str) -> None:
    """What a device can let go, such as CUDA graphs, it has let go by then."""
    steps: list[int] = []
    engine = Engine(FaultyRunner(FakeRunner(), at(stage, 0, FULL)))
    future = engine.submit(request("a", steps=3, on_step=lambda done, total: steps.append(done)))
    finish_all(engine)
    assert future.result(0).actual_steps == 3
    assert steps == [1, 2, 3]


@pytest.mark.parametrize("stage", ["begin", "predict", "advance", "finish"])
def test_there_is_no_third_try(stage: str) -> None:
    engine = Engine(FaultyRunner(FakeRunner(), at(stage, 0, FULL), at(stage, 1, FULL)))
    future = engine.submit(request("a", steps=3))
    finish_all(engine)
    assert future.exception(0) is FULL


def test_two_pictures_without_guidance_at_the_floor_are_tried_alone() -> None:
    runner = FaultyRunner(FakeRunner(), above("predict", 1, FULL))
    engine = Engine(runner, row_budget=2)
    futures = [engine.submit(request(name, steps=2, guidance_scale=1.0)) for name in ("a", "b")]
    finish_all(engine)
    assert [future.result(0).actual_steps for future in futures] == [2, 2]


def test_one_shape_that_does_not_fit_leaves_the_others_their_budget() -> None:
    runner = FaultyRunner(FakeRunner(), lambda stage, _, batch: crowded(stage, batch))

    def crowded(stage: str, batch: object) -> None:
        if stage == "predict" and sum(t.request.mask.shape == (64, 72) and t.rows for t in batch) > 2:  # type: ignore[attr-defined]
            raise FULL

    engine = Engine(runner, row_budget=8)
    wide = {"image": noise_image(0, 64, 72), "mask": cell_mask(64, 72)}
    for k in range(4):
        engine.submit(request(f"wide{k}", steps=3, **wide))
        engine.submit(request(f"small{k}", steps=9))
    finish_all(engine)
    assert max(rows_of(runner, "predict")[2:]) == 8


def test_a_decoding_that_does_not_fit_is_done_in_smaller_chunks() -> None:
    inner = FakeRunner()
    engine = Engine(FaultyRunner(inner, at("finish", 0, FULL)), decode_chunk=4)
    futures = [engine.submit(request(str(k), steps=1)) for k in range(8)]
    finish_all(engine)
    assert all(future.result(0).actual_steps == 1 for future in futures)
    assert [len(names) for names in inner.decoded] == [1, 1, 1, 1, 2, 2]


def test_a_budget_grows_back_after_patience_and_ever_more_slowly() -> None:
    budget, needed = RowBudget(8), list[int]()
    for _ in range(3):
        assert budget.failed("a", 8) == 4
        calls = 0
        while budget.limit("a") == 4:
            budget.fitted("a", 4)
            calls += 1
        needed.append(calls)
    assert needed == [PATIENCE, 2 * PATIENCE, 4 * PATIENCE]
    assert budget.limit("a") == 6
    assert budget.limit("b") == 8


def test_a_budget_grows_to_its_old_size_and_not_beyond() -> None:
    budget = RowBudget(8)
    budget.failed("a", 8)
    for _ in range(10 * PATIENCE):
        budget.fitted("a", budget.limit("a"))
    assert budget.limit("a") == 8


def test_calls_that_use_less_than_the_budget_prove_nothing() -> None:
    budget = RowBudget(16)
    budget.failed("a", 16)
    for _ in range(2 * PATIENCE):
        budget.fitted("a", 2)
    assert budget.limit("a") == 8


def test_a_budget_never_falls_below_one_guided_picture() -> None:
    budget = RowBudget(8)
    assert [budget.failed("a", rows) for rows in (8, 4, 3, 2)] == [4, 2, 2, 2]


def test_a_budget_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="row_budget"):
        RowBudget(0)
