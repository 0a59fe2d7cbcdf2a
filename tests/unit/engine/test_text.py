"""Prompts of any length, read by the same rules on both sides."""

import pytest
import torch

from storage.params import LongPrompt
from tests.unit.engine.requests import request
from tests.unit.engine.tiny_model import TEXT_LAYERS, WIDTH
from worker.engine.engine import Engine
from worker.engine.runner import DiffusersRunner
from worker.engine.runner.text import TextEncoder
from worker.errors import PromptTooLong, RequestUnsupported
from worker.models import LoadedModel

LONG = "a" * 70 + "b" * 10  # one token a letter, five too many


def states(model: LoadedModel, text: str, clip_skip: int = 0) -> torch.Tensor:
    ids = model.tokenizer(text, padding="max_length", truncation=True, max_length=77, return_tensors="pt").input_ids
    hidden = model.text_encoder(ids, output_hidden_states=True).hidden_states[-1 - clip_skip]
    return model.text_encoder.final_layer_norm(hidden)[0]


def test_chunks_are_read_one_by_one_and_the_shorter_side_is_padded(model: LoadedModel) -> None:
    embeds = TextEncoder(model).encode(request("a", prompt=LONG, negative_prompt="ugly")).embeds
    assert embeds.shape == (2, 154, WIDTH)
    expected = [states(model, "ugly"), states(model, ""), states(model, LONG[:75]), states(model, LONG[75:])]
    # The tokenizer ends a word with its last letter, so the cut leaves "b" without a word end in the third chunk.
    for index in (0, 1, 3):
        row, chunk = divmod(index, 2)
        torch.testing.assert_close(embeds[row, 77 * chunk : 77 * (chunk + 1)], expected[index])


def test_without_guidance_only_the_prompt_is_encoded(model: LoadedModel) -> None:
    text = TextEncoder(model).encode(request("a", prompt="ball", negative_prompt=LONG, guidance_scale=1.0))
    assert text.embeds.shape == (1, 77, WIDTH)


def test_truncation_reports_what_was_dropped_on_both_sides(model: LoadedModel) -> None:
    encoder = TextEncoder(model)
    text = encoder.encode(request("a", prompt=LONG, negative_prompt="c" * 78, long_prompt=LongPrompt.TRUNCATE))
    assert text.embeds.shape == (2, 77, WIDTH)
    assert text.dropped_text == {"prompt": "bbbbb", "negative_prompt": "ccc"}
    torch.testing.assert_close(text.embeds[1], states(model, LONG))
    assert encoder.encode(request("a", long_prompt=LongPrompt.TRUNCATE)).dropped_text == {
        "prompt": "", "negative_prompt": ""
    }  # fmt: skip


@pytest.mark.parametrize("field", ["prompt", "negative_prompt"])
def test_rejection_says_how_long_and_how_long_at_most(model: LoadedModel, field: str) -> None:
    with pytest.raises(PromptTooLong, match=f"^{field} has 80 tokens and this model reads 75") as caught:
        TextEncoder(model).encode(request("a", long_prompt=LongPrompt.REJECT, **{field: LONG}))
    assert (caught.value.field, caught.value.tokens, caught.value.limit) == (field, 80, 75)


def test_exactly_75_tokens_are_not_too_long(model: LoadedModel) -> None:
    text = TextEncoder(model).encode(request("a", prompt="a" * 75, long_prompt=LongPrompt.REJECT))
    assert text.embeds.shape == (2, 77, WIDTH)


def test_clip_skip_applies_to_both_prompts(model: LoadedModel) -> None:
    embeds = TextEncoder(model).encode(request("a", prompt="ball", negative_prompt="ugly", clip_skip=1)).embeds
    torch.testing.assert_close(embeds, torch.stack([states(model, "ugly", 1), states(model, "ball", 1)]))
    assert not torch.allclose(embeds[0], states(model, "ugly"))


def test_more_layers_than_there_are_cannot_be_skipped(model: LoadedModel) -> None:
    with pytest.raises(RequestUnsupported, match=f"from 0 to {TEXT_LAYERS - 1}"):
        TextEncoder(model).encode(request("a", clip_skip=TEXT_LAYERS))


def test_long_and_short_prompts_run_side_by_side(model: LoadedModel) -> None:
    engine = Engine(DiffusersRunner(model))
    futures = [engine.submit(request(prompt[:5], prompt=prompt)) for prompt in (LONG, "ball")]
    engine.start()
    assert all(future.result(30).pixels.shape == (64, 64, 3) for future in futures)
    engine.close()
