"""What is no picture never becomes one, and what is one is judged as it would leave: invariants 19 and 20."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from io import BytesIO
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from storage.job import JobState
from tests.unit.worker.workbench import CLEAN, SIDE, Bench
from worker.models import LoadedModel

HOLE = np.zeros((SIDE, SIDE), dtype=np.bool_)
HOLE[30:61, 30:61] = True


def spoil(value: float) -> Callable[..., Any]:
    """Has a network answer with `value` in one place."""

    def hook(module: torch.nn.Module, arguments: Any, output: Any) -> Any:
        made = output[0] if isinstance(output, tuple) else output
        made[..., 3, 4] = value
        return (made, *output[1:]) if isinstance(output, tuple) else made

    return hook


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("part", ["unet", "decoder"])
def test_a_network_that_answers_nan_is_a_failure_and_never_a_picture(
    with_model: Bench, model: LoadedModel, part: str, value: float
) -> None:
    network = model.unet if part == "unet" else model.vae.decoder
    handle = network.register_forward_hook(spoil(value))
    failed = with_model.run(steps=1)
    handle.remove()
    assert failed.error is not None
    assert (failed.state, failed.error.code, failed.error.retryable) == (JobState.FAILED, "numerical_failure", False)
    assert (failed.images, with_model.made()) == ((), [])
    assert with_model.run(steps=1).state is JobState.SUCCEEDED


class Witness:
    """A classifier that remembers what it was shown, and answers in turn what it is told to."""

    name, version = "concepts", "1"

    def __init__(self, *answers: dict[str, float]) -> None:
        self.shown: list[list[Image.Image]] = []
        self._answers = answers

    def scores(self, images: Sequence[Image.Image]) -> list[dict[str, float]]:
        self.shown.append(list(images))
        answer = self._answers[len(self.shown) - 1] if self._answers else CLEAN
        return [answer for _ in images]


def witnessed(bench: Bench, *answers: dict[str, float]) -> Witness:
    witness = Witness(*answers)
    served = replace(bench.tools.models["default"], classifiers=[witness])
    bench.tools = replace(bench.tools, models={"default": served})
    return witness


@pytest.mark.parametrize("area", ["whole", "masked"])
def test_the_judge_sees_each_final_composite_and_not_the_crop(bench: Bench, area: str) -> None:
    witness = witnessed(bench)
    job = bench.store(num_images=3, area=area, padding=0, blend="hard")
    original = np.asarray(Image.open(BytesIO(bench.objects.get(job.image_key))))
    bench.execute(job)
    assert [[image.size for image in shown] for shown in witness.shown] == [[(SIDE, SIDE), (31, 31), (31, 31)]] * 3
    for whole, region, before in witness.shown:
        seen = np.asarray(whole)
        assert np.array_equal(seen[~HOLE], original[~HOLE])
        assert (seen[HOLE] == 128).all()
        assert (np.asarray(region) == 128).all()
        assert (np.asarray(before) != 128).any()


@pytest.mark.parametrize("flagged", [0, 1, 2])
@pytest.mark.parametrize(("concept", "state"), [("concept_1", JobState.BLOCKED), ("test_pattern", JobState.HELD)])
def test_one_flagged_image_holds_all_back(bench: Bench, flagged: int, concept: str, state: JobState) -> None:
    answers = [CLEAN | ({concept: 0.5} if index == flagged else {}) for index in range(3)]
    witnessed(bench, *answers)
    done = bench.run(num_images=3)
    assert done.state is state
    assert all(key.startswith("quarantine/") for key in bench.made())
    assert (state is JobState.BLOCKED) == (bench.made() == [])


def test_a_blocked_job_keeps_nothing_of_the_picture_it_was_made_from(bench: Bench) -> None:
    """No black patch on the original, and no original: nothing but the verdict."""
    witnessed(bench, CLEAN | {"concept_1": 0.5})
    done = bench.run()
    assert (done.state, done.images, bench.made()) == (JobState.BLOCKED, (), [])
    assert set(done.receipt) <= {"actual_steps", "crop_box", "untouched", "dropped_text", "timings"}
    assert "result.sexual_content" in [finding["rule"] for finding in done.safety["findings"]]
