"""Prompts of any length, read by the same rules on both sides."""

from typing import Any

import pytest
import torch

from storage.errors import PromptTooLong
from storage.params import LongPrompt, PromptSyntax
from tests.unit.engine.requests import request
from tests.unit.engine.tiny_model import TEXT_LAYERS, WIDTH
from worker.engine.engine import Engine
from worker.engine.runner import DiffusersRunner
from worker.engine.runner.emphasis import emphasize
from worker.engine.runner.text import TextEncoder
from worker.errors import RequestUnsupported
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


def weighed(model: LoadedModel, prompt: str, **changes: Any) -> torch.Tensor:
    changes = {"prompt": prompt, "prompt_syntax": PromptSyntax.A1111, "guidance_scale": 1.0, **changes}
    return TextEncoder(model).encode(request("a", **changes)).embeds


def test_brackets_are_text_in_a_plain_prompt_and_weights_in_the_other(model: LoadedModel) -> None:
    plain, bare = (weighed(model, text, prompt_syntax=PromptSyntax.PLAIN) for text in ("(ball)", "ball"))
    assert not torch.allclose(plain, bare)
    assert torch.equal(weighed(model, "(ball:1)"), bare)
    assert torch.equal(weighed(model, "([ball])"), bare)


def test_each_token_is_multiplied_by_its_weight_and_the_frame_around_by_none(model: LoadedModel) -> None:
    factors = torch.ones(77)
    factors[1], factors[2:4] = 1.1, 1.5
    expected = states(model, "a b c") * factors[:, None]
    torch.testing.assert_close(weighed(model, "(a) (b c:1.5)")[0], expected)


@pytest.mark.parametrize("clip_skip", [0, 1])
def test_both_prompts_are_weighed(model: LoadedModel, clip_skip: int) -> None:
    both = weighed(model, "(ball:2)", negative_prompt="(ugly:3)", guidance_scale=7.5, clip_skip=clip_skip)
    for row, (text, weight, letters) in zip(both, [("ugly", 3, 4), ("ball", 2, 4)], strict=True):
        plain = states(model, text, clip_skip)
        torch.testing.assert_close(row[1 : letters + 1], plain[1 : letters + 1] * weight)
        torch.testing.assert_close(row[0], plain[0])


def test_weights_go_along_into_further_chunks(model: LoadedModel) -> None:
    embeds = weighed(model, "a" * 74 + " (bc:2)")[0]
    assert embeds.shape == (154, WIDTH)
    bare = weighed(model, "a" * 74 + " bc")[0]
    ratio = embeds / bare
    doubled = {index for index in range(154) if torch.allclose(ratio[index], torch.tensor(2.0))}
    assert doubled == {75, 78}


def test_break_begins_a_chunk_and_each_part_is_cut_by_itself(model: LoadedModel) -> None:
    embeds = weighed(model, "ball BREAK (tree)")[0]
    torch.testing.assert_close(embeds[:77], states(model, "ball"))
    torch.testing.assert_close(embeds[77], states(model, "tree")[0])
    text = TextEncoder(model).encode(
        request("a", prompt=f"{LONG} BREAK (ball)", long_prompt=LongPrompt.TRUNCATE, prompt_syntax=PromptSyntax.A1111)
    )
    assert text.embeds.shape == (2, 154, WIDTH)
    assert text.dropped_text == {"prompt": "bbbbb", "negative_prompt": ""}
    with pytest.raises(PromptTooLong, match="prompt has 80 tokens"):
        weighed(model, f"ball BREAK ({LONG}:1.2)", long_prompt=LongPrompt.REJECT)


def test_weights_count_no_tokens(model: LoadedModel) -> None:
    prompt = "".join(f"(({letter}:1.3))" for letter in "a" * 75)
    assert weighed(model, prompt, long_prompt=LongPrompt.REJECT).shape == (1, 77, WIDTH)


def test_each_chunk_keeps_its_mean() -> None:
    made = torch.randn(2, 77, 8, generator=torch.Generator().manual_seed(1)) + torch.tensor([0.3, -0.2])[:, None, None]
    weights = torch.ones(2, 77)
    weights[:, 3:9] = 1.4
    shifted = emphasize(made, weights)
    torch.testing.assert_close(shifted.mean(dim=(1, 2)), made.mean(dim=(1, 2)))
    plain = made * weights[..., None]
    torch.testing.assert_close(shifted, plain * (made.mean(dim=(1, 2)) / plain.mean(dim=(1, 2)))[:, None, None])


def test_states_around_zero_have_no_mean_to_restore() -> None:
    made = torch.randn(1, 77, 8, generator=torch.Generator().manual_seed(1))
    made -= made.mean()
    weights = torch.full((1, 77), 0.5)
    torch.testing.assert_close(emphasize(made, weights), made * 0.5)


def test_weights_of_one_change_no_bit_in_half_precision_either() -> None:
    made = torch.randn(2, 77, 8).half()
    assert torch.equal(emphasize(made, torch.ones(2, 77)), made)
