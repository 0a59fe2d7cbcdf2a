"""Numbers that leave the range of half precision: one more try in float32, then an honest failure."""

import gc
import weakref
from pathlib import Path

import pytest
import torch

from tests.unit.engine.fake_runner import FakeRunner
from tests.unit.engine.faulty import FaultyRunner, unless_precise
from tests.unit.engine.requests import request
from tests.unit.engine.tiny_model import HALF, tiny_model
from worker.engine.engine import Engine
from worker.engine.runner import DiffusersRunner
from worker.errors import NumericalFailure
from worker.models import LoadedModel

NAN = NumericalFailure("the model produced NaN")


def finish_all(engine: Engine) -> None:
    while engine.turn():
        pass


def overflowing(folder: Path) -> LoadedModel:
    """A model in half precision whose decoder exceeds 65504 in its first layer, which the next one would forgive."""
    model = tiny_model(folder, HALF)
    with torch.no_grad():
        model.vae.decoder.conv_in.weight.mul_(3e4)
    return model


@pytest.mark.parametrize("stage", ["advance", "finish"])
def test_a_picture_that_half_precision_spoils_is_made_again_in_float32(stage: str) -> None:
    runner, steps = FaultyRunner(FakeRunner(), unless_precise(stage, NAN)), list[int]()
    engine = Engine(runner)
    future = engine.submit(request("a", steps=3, on_step=lambda done, total: steps.append(done)))
    finish_all(engine)
    assert future.result(0).actual_steps == 3
    assert [name for name, _ in runner.calls].count("begin") == 2
    assert steps[-3:] == [1, 2, 3]


def test_neighbours_of_a_spoiled_picture_are_decoded_from_their_first_try() -> None:
    inner = FakeRunner()
    runner = FaultyRunner(inner, lambda stage, _, batch: spoil(stage, batch))

    def spoil(stage: str, batch: object) -> None:
        if stage == "finish" and any(t.request.id == "bad" and not t.precise for t in batch):  # type: ignore[attr-defined]
            raise NAN

    engine = Engine(runner, decode_chunk=4)
    futures = [engine.submit(request(name, steps=2)) for name in ("a", "bad", "b")]
    finish_all(engine)
    assert [future.result(0).actual_steps for future in futures] == [2, 2, 2]
    assert [name for name, _ in runner.calls].count("begin") == 4
    assert inner.decoded == [["a"], ["b"], ["bad"]]


def test_there_is_one_more_try_and_no_third() -> None:
    failing = FakeRunner({("finish", "a"): NAN})
    runner = FaultyRunner(failing)
    engine = Engine(runner)
    future, good = engine.submit(request("a", steps=1)), engine.submit(request("b", steps=1))
    finish_all(engine)
    with pytest.raises(NumericalFailure):
        future.result(0)
    assert good.result(0).actual_steps == 1
    assert [name for name, _ in runner.calls].count("begin") == 3


def test_on_a_device_of_full_precision_there_is_nothing_to_try_again(model: LoadedModel) -> None:
    runner = FaultyRunner(DiffusersRunner(model))
    engine = Engine(runner)
    future = engine.submit(request("a", steps=1, guidance_scale=float("inf")))
    finish_all(engine)
    with pytest.raises(NumericalFailure):
        future.result(0)
    assert [name for name, _ in runner.calls].count("begin") == 1


def test_an_overflow_of_real_networks_is_never_a_black_picture(tmp_path: Path) -> None:
    runner = DiffusersRunner(overflowing(tmp_path))
    spoiled = runner.begin(request("a", steps=1))
    runner.advance(spoiled, runner.predict([spoiled])[0])
    with pytest.raises(NumericalFailure, match="pixels"):
        runner.finish([spoiled])
    engine = Engine(runner)
    future = engine.submit(request("a", steps=1))
    finish_all(engine)
    assert future.result(0).pixels.std() > 0


def test_the_copy_in_float32_serves_all_who_need_it_and_goes_with_the_last(tmp_path: Path) -> None:
    runner = DiffusersRunner(tiny_model(tmp_path, HALF))
    first, second = (runner.begin(request(name), precise=True) for name in ("a", "b"))
    assert first.networks is second.networks
    assert first.group != runner.begin(request("c")).group, "calls of two precisions are not shared"
    copy = weakref.ref(first.networks)
    del first, second
    gc.collect()
    assert copy() is None
