"""Whoever ran before, runs beside or is canceled, a job makes its own picture: invariants 14, 15, 16, 21 and 22."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest
import torch

from storage.params import SchedulerName
from tests.invariants.road import paint
from tests.unit.engine.requests import noise_image, request
from tests.unit.engine.solo import RecordingRunner, relative_error
from tests.unit.worker.workbench import Bench, hook
from worker.engine.engine import Engine
from worker.engine.request import InpaintRequest
from worker.engine.runner import DiffusersRunner
from worker.errors import RequestCanceled
from worker.models import LoadedModel
from worker.pocket.judge import look

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

STEPS = 3
TOLERANCE = 1e-5


def asked(name: str, **changes: Any) -> InpaintRequest:
    return request(name, **{"steps": STEPS, "strength": 0.9, **changes})


def latents(model: LoadedModel, *requests: InpaintRequest) -> list[torch.Tensor]:
    """What all of them end in when they share every call, in order."""
    runner = RecordingRunner(model)
    engine = Engine(runner, row_budget=64)
    futures = [engine.submit(item) for item in requests]
    while engine.turn():
        pass
    assert [future.result(0).actual_steps for future in futures]
    assert max(runner.calls) == sum(1 if item.guidance_scale <= 1 else 2 for item in requests)
    return [runner.finished[item.id] for item in requests]


@pytest.mark.parametrize("scheduler", list(SchedulerName))
def test_the_same_job_twice_with_another_between_is_the_same_bytes(
    model: LoadedModel, scheduler: SchedulerName
) -> None:
    engine = Engine(DiffusersRunner(model))
    first, other, again = (
        asked("first", scheduler=scheduler, eta=0.5, seed=5),
        asked("other", scheduler=scheduler, eta=1.0, seed=6, image=noise_image(2), prompt="tree", steps=5),
        asked("again", scheduler=scheduler, eta=0.5, seed=5),
    )
    made = []
    for item in (first, other, again):
        future = engine.submit(item)
        while engine.turn():
            pass
        made.append(future.result(0).pixels)
    assert made[0].tobytes() == made[2].tobytes()
    assert made[0].tobytes() != made[1].tobytes()


def test_alone_and_in_company_are_the_same_picture(model: LoadedModel) -> None:
    crowd = [asked(str(k), seed=k, guidance_scale=(1.0, 7.5)[k % 2], image=noise_image(k)) for k in range(4)]
    for item, together in zip(crowd, latents(model, *crowd), strict=True):
        assert relative_error(together, latents(model, item)[0]) <= TOLERANCE


def test_prompts_pictures_and_seeds_keep_their_pairing(model: LoadedModel) -> None:
    """Every pair of a prompt, a picture and a seed at once, in an order that no tiling would give."""
    pairs = [(p, i, s) for p in ("ball", "tree") for i in (1, 2) for s in (3, 4)]
    crowd = [
        asked("-".join(map(str, pair)), prompt=pair[0], image=noise_image(pair[1]), seed=pair[2]) for pair in pairs
    ]
    crowd = [crowd[k] for k in (5, 2, 7, 0, 3, 6, 1, 4)]
    alone = {item.id: latents(model, item)[0] for item in crowd}
    for item, together in zip(crowd, latents(model, *crowd), strict=True):
        assert relative_error(together, alone[item.id]) <= TOLERANCE
        strangers = [relative_error(together, other) for name, other in alone.items() if name != item.id]
        assert min(strangers) > 100 * TOLERANCE


@pytest.mark.parametrize("strength", [0.9, 1.0])
def test_seed_k_of_a_batch_is_seed_k_alone(model: LoadedModel, strength: float) -> None:
    """diffusers draws the masked picture of all images from the first generator; here each has its own."""
    batch = [asked(f"image {k}", seed=40 + k, strength=strength) for k in range(3)]
    for item, together in zip(batch, latents(model, *batch), strict=True):
        assert relative_error(together, latents(model, item)[0]) <= TOLERANCE


def test_each_images_masked_picture_is_drawn_with_its_own_seed(model: LoadedModel) -> None:
    runner = DiffusersRunner(model)
    first, second, again = (runner.begin(asked(str(k), seed=seed)).condition for k, seed in enumerate((1, 2, 1)))
    assert torch.equal(first, again)
    assert torch.equal(first[:, :1], second[:, :1])
    assert not torch.equal(first[:, 1:], second[:, 1:])


def test_images_of_a_job_have_seeds_in_order_and_wrap_around(bench: Bench) -> None:
    seen: dict[str, int] = {}
    real = bench.runner.begin

    def begin(item: InpaintRequest, *arguments: Any) -> Any:
        seen[item.id] = item.seed
        return real(item, *arguments)

    object.__setattr__(bench.runner, "begin", begin)
    done = bench.run(seed=2**32 - 2, num_images=4)
    assert [seen[f"{done.id}.1.{index}"] for index in range(4)] == [2**32 - 2, 2**32 - 1, 0, 1]
    assert [image.seed for image in done.images] == [2**32 - 2, 2**32 - 1, 0, 1]


def test_each_prompt_of_a_crowd_gets_what_it_asked_for(pocket: LoadedModel) -> None:
    grey = np.full((128, 128, 3), 128, dtype=np.uint8)
    mask = np.zeros((128, 128), dtype=np.bool_)
    mask[28:108, 24:104] = True
    colours = ("red", "blue", "green")
    crowd = [
        request(c, prompt=f"a {c} circle", negative_prompt="", image=grey, mask=mask, steps=8, seed=3) for c in colours
    ]
    assert [look(grey, made.pixels, mask).colour for made in paint(pocket, *crowd)] == list(colours)


@pytest.mark.parametrize("step", [1, 3])
def test_after_a_cancel_the_next_job_is_a_clean_run(model: LoadedModel, step: int) -> None:
    runner = RecordingRunner(model)
    engine = Engine(runner)
    decodes: list[int] = []
    hook(runner, "finish", lambda: decodes.append(1))
    canceled = engine.submit(
        asked("a", seed=1, steps=5, on_step=lambda done, _: engine.cancel("a") if done == step else None)
    )
    while engine.turn():
        pass
    with pytest.raises(RequestCanceled):
        canceled.result(0)
    assert (len(runner.calls), decodes) == (step, [])
    future = engine.submit(asked("b", seed=2))
    while engine.turn():
        pass
    assert future.result(0).pixels.tobytes() == paint(model, asked("b", seed=2))[0].pixels.tobytes()


def test_calls_from_many_threads_at_once_each_get_their_own(model: LoadedModel) -> None:
    engine = Engine(DiffusersRunner(model))
    engine.start()
    start, made = threading.Barrier(6), dict[int, Any]()

    def run(k: int) -> None:
        # Samplers that remember earlier steps, each in several hands and at several paces.
        sampler = (SchedulerName.DPMPP_2M, SchedulerName.PNDM)[k % 2]
        item = asked(str(k), seed=k, image=noise_image(k), scheduler=sampler, steps=3 + k // 2)
        start.wait(10)
        made[k] = item, engine.submit(item).result(30)

    threads = [threading.Thread(target=run, args=(k,)) for k in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    engine.close()
    for item, result in made.values():
        assert np.abs(result.pixels.astype(int) - paint(model, item)[0].pixels).max() <= 1
    assert len(made) == 6
