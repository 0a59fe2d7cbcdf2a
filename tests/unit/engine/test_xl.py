"""Stable Diffusion XL runs beside Stable Diffusion 1 in one engine, each picture as its own pipeline makes it."""

from __future__ import annotations

import random
from itertools import product
from pathlib import Path

import numpy as np
import pytest
import torch

from storage.capabilities import Family
from storage.params import LongPrompt, PromptSyntax, SchedulerName
from tests.unit.engine.requests import cell_mask, noise_image, request
from tests.unit.engine.solo import RecordingRunner, relative_error, solo
from tests.unit.engine.tiny_model import HALF, TEXT_LAYERS, WIDTH
from tests.unit.engine.tiny_xl import POOLED, SECOND_WIDTH, solo_xl, tiny_xl_model
from worker.engine.dispatch import Dispatch
from worker.engine.engine import Engine
from worker.engine.request import InpaintRequest
from worker.engine.runner.text_xl import XlTextEncoder
from worker.errors import RequestUnsupported
from worker.models import LoadedModel

pytestmark = [
    # diffusers' sigma schedulers still convert tensors the way of NumPy 1.
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
    # The solo pipeline of SD 1 corrects PNDM's configuration and says so.
    pytest.mark.filterwarnings("ignore:The configuration file of this scheduler:FutureWarning"),
]

TOLERANCE = 1e-5


@pytest.fixture(scope="module")
def xl(tmp_path_factory: pytest.TempPathFactory) -> LoadedModel:
    return tiny_xl_model(tmp_path_factory.mktemp("xl"))


def mixed_requests(order: random.Random) -> list[InpaintRequest]:
    """Every scheduler with and without guidance, some from the image, some without a negative prompt."""
    requests = [
        request(
            f"xl-{name}-{guidance}",
            model="xl",
            scheduler=name,
            guidance_scale=guidance,
            steps=order.randint(3, 6),
            strength=order.choice([1.0, 0.6]),
            seed=order.randrange(2**32),
            image=noise_image(order.randrange(100)),
            prompt=order.choice(["", "a red ball"]),
            negative_prompt=order.choice(["", "blurry"]),
        )
        for name, guidance in product(SchedulerName, [1.0, 7.5])
    ]
    requests += [request(f"sd-{steps}", model="sd", steps=steps) for steps in (3, 5)]
    requests += [request("xl-wide", model="xl", image=noise_image(3, 64, 128), mask=cell_mask(64, 128))]
    order.shuffle(requests)
    return requests


def test_every_scheduler_equals_its_own_pipeline_beside_another_model(model: LoadedModel, xl: LoadedModel) -> None:
    runners = {"sd": RecordingRunner(model), "xl": RecordingRunner(xl)}
    engine = Engine(Dispatch(runners))
    requests = mixed_requests(random.Random(5))
    futures = [engine.submit(item) for item in requests]
    engine.start()
    for item, future in zip(requests, futures, strict=True):
        assert future.result(60).pixels.shape == item.image.shape
        expected = solo_xl(xl, item) if item.model == "xl" else solo(model, item, "latent")
        error = relative_error(runners[item.model].finished[item.id], expected)
        assert error <= TOLERANCE, f"{item.id} differs by {error}"
    engine.close()
    assert max(runners["xl"].calls) > 2, "nobody shared a UNet call, so this proves nothing"


def test_a_cell_of_the_larger_model_counts_as_more_work(model: LoadedModel, xl: LoadedModel) -> None:
    small, large = (RecordingRunner(one).begin(request("r")) for one in (model, xl))
    sizes = [sum(weight.numel() for weight in one.unet.parameters()) for one in (model, xl)]
    assert large.work / small.work == pytest.approx(sizes[1] / sizes[0])


def alone(model: LoadedModel, item: InpaintRequest) -> torch.Tensor:
    runner = RecordingRunner(model)
    trajectory = runner.begin(item)
    while trajectory.calls_left:
        runner.advance(trajectory, runner.predict([trajectory])[0])
    return trajectory.latents


@pytest.mark.parametrize("zeros", [True, False])
def test_an_empty_negative_prompt_is_what_the_model_was_trained_to_see(tmp_path: Path, zeros: bool) -> None:
    model = tiny_xl_model(tmp_path, zero_empty_negative=zeros)
    item = request("r", negative_prompt="")
    assert relative_error(alone(model, item), solo_xl(model, item)) <= TOLERANCE
    embeds = XlTextEncoder(model).encode(item)
    assert bool((embeds.embeds[0] == 0).all()) is zeros
    assert bool((embeds.added["text_embeds"][0] == 0).all()) is zeros
    assert not bool((embeds.embeds[1] == 0).all())


def test_both_encoders_skip_the_same_layers_for_both_prompts(xl: LoadedModel) -> None:
    text = XlTextEncoder(xl).encode(request("r", prompt="ball", negative_prompt="ugly", clip_skip=1))
    for row, words in enumerate(["ugly", "ball"]):
        expected = []
        for tokenizer, encoder in ((xl.tokenizer, xl.text_encoder), (xl.tokenizer_2, xl.text_encoder_2)):
            ids = tokenizer(words, padding="max_length", max_length=77, return_tensors="pt").input_ids
            expected.append(encoder(ids, output_hidden_states=True).hidden_states[-3][0])
        torch.testing.assert_close(text.embeds[row], torch.cat(expected, dim=-1))
    with pytest.raises(RequestUnsupported, match=f"from 0 to {TEXT_LAYERS - 2}"):
        XlTextEncoder(xl).encode(request("r", clip_skip=TEXT_LAYERS - 1))


def test_long_prompts_are_read_in_chunks_and_pooled_from_the_first(xl: LoadedModel) -> None:
    encoder = XlTextEncoder(xl)
    long = encoder.encode(request("r", prompt="a" * 80, negative_prompt="ugly"))
    assert long.embeds.shape == (2, 154, WIDTH + SECOND_WIDTH)
    assert long.added["text_embeds"].shape == (2, POOLED)
    first = encoder.encode(request("r", prompt="a" * 80, negative_prompt="ugly", long_prompt=LongPrompt.TRUNCATE))
    torch.testing.assert_close(long.added["text_embeds"], first.added["text_embeds"])
    assert first.dropped_text["prompt"] == "aaaaa"


def test_weights_of_words_reach_both_encoders_and_leave_the_pooled_text(xl: LoadedModel) -> None:
    encoder = XlTextEncoder(xl)
    plain = encoder.encode(request("r", prompt="red ball"))
    same, strong = (
        encoder.encode(request("r", prompt=prompt, prompt_syntax=PromptSyntax.A1111))
        for prompt in ("(red ball:1.0)", "(red ball:1.5)")
    )
    assert torch.equal(same.embeds, plain.embeds)
    for part in (slice(0, WIDTH), slice(WIDTH, None)):
        assert not torch.allclose(strong.embeds[1, :, part], plain.embeds[1, :, part])
    assert torch.equal(strong.embeds[0], plain.embeds[0])
    assert torch.equal(strong.added["text_embeds"], plain.added["text_embeds"])


def test_the_sizes_are_those_of_the_picture_as_it_is_painted(xl: LoadedModel) -> None:
    text = XlTextEncoder(xl).encode(request("r", image=noise_image(3, 64, 128), mask=cell_mask(64, 128)))
    assert text.added["time_ids"].tolist() == [[64, 128, 0, 0, 64, 128]] * 2


def test_half_precision_keeps_the_vae_whole(tmp_path: Path) -> None:
    half = tiny_xl_model(tmp_path, HALF)
    assert half.family is Family.SDXL
    assert (half.unet.dtype, half.text_encoder_2.dtype, half.vae.dtype) == (torch.float16, torch.float16, torch.float32)
    runner = RecordingRunner(half)
    trajectory = runner.begin(request("r", strength=0.6))
    while trajectory.calls_left:
        runner.advance(trajectory, runner.predict([trajectory])[0])
    (pixels,) = runner.finish([trajectory])
    assert np.isfinite(pixels).all()
    whole = alone(tiny_xl_model(tmp_path), request("r", strength=0.6))
    assert relative_error(trajectory.latents, whole) < 0.02
    again = runner.begin(request("again", strength=0.6), precise=True)
    assert (again.precise, again.text.embeds.dtype) == (True, torch.float32)
    while again.calls_left:
        runner.advance(again, runner.predict([again])[0])
    assert relative_error(again.latents, whole) < 0.02
