"""With a fixed number of rows a UNet call, a picture has the same bits alone and in any crowd."""

import random

import numpy as np
import pytest
import torch

from tests.unit.engine.requests import mixed_requests, request
from tests.unit.engine.solo import RecordingRunner
from worker.engine.engine import Engine
from worker.engine.request import InpaintRequest, Pixels
from worker.models import LoadedModel

# diffusers' sigma schedulers still convert tensors the way of NumPy 1.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

ROWS = 4
STRANGERS = 6


def finish_alone(runner: RecordingRunner, item: InpaintRequest) -> tuple[torch.Tensor, Pixels]:
    engine = Engine(runner)
    future = engine.submit(item)
    while engine.turn():
        pass
    return runner.finished[item.id], future.result(0).pixels


def finish_in_a_crowd(
    runner: RecordingRunner, requests: list[InpaintRequest], order: random.Random
) -> dict[str, tuple[torch.Tensor, Pixels]]:
    """Up to three join before each turn, and strangers that join with them are canceled again."""
    engine, waiting = Engine(runner, row_budget=ROWS), list(requests)
    futures, strangers = {}, 0
    while engine.turn() or waiting:
        for item in [waiting.pop() for _ in range(min(len(waiting), order.randint(0, 3)))]:
            futures[item.id] = engine.submit(item)
        if strangers < STRANGERS and order.random() < 0.3:
            engine.submit(request(f"stranger{strangers}", steps=9, seed=strangers))
            strangers += 1
        if order.random() < 0.3:
            engine.cancel(f"stranger{order.randrange(strangers + 1)}")
    return {name: (runner.finished[name], future.result(0).pixels) for name, future in futures.items()}


@pytest.mark.parametrize("seed", [0, 1])
def test_alone_and_in_a_changing_crowd_every_bit_is_the_same(model: LoadedModel, seed: int) -> None:
    order = random.Random(seed)
    requests = mixed_requests(order, range(2, 6))
    runner = RecordingRunner(model, fixed_rows=ROWS)
    alone = {item.id: finish_alone(runner, item) for item in requests}
    runner.calls.clear()
    crowd = finish_in_a_crowd(runner, requests, order)
    assert max(runner.calls) > 2, "nobody shared a UNet call, so this proves nothing"
    for name, (latents, pixels) in crowd.items():
        assert torch.equal(latents, alone[name][0]), name
        assert np.array_equal(pixels, alone[name][1]), name
