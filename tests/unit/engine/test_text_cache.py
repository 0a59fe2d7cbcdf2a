"""Prompts that come again are not read again, and nobody gets another's."""

from dataclasses import fields, replace
from typing import Any

import pytest
import torch

from storage.errors import PromptTooLong
from storage.params import LongPrompt, PromptSyntax
from tests.unit.engine.requests import cell_mask, noise_image, request
from worker.engine.request import InpaintRequest
from worker.engine.runner import DiffusersRunner
from worker.engine.runner.text import EncodedText
from worker.engine.runner.text_cache import TEXT_FIELDS, TextCache
from worker.models import LoadedModel

NOT_READ = {
    "id", "image", "mask", "steps", "strength", "scheduler", "eta", "seed", "masked_content", "model", "on_step",
    "previews",
}  # fmt: skip
CHANGES: dict[str, Any] = {
    "prompt": "green tree",
    "negative_prompt": "sharp",
    "prompt_syntax": PromptSyntax.A1111,
    "long_prompt": LongPrompt.REJECT,
    "clip_skip": 1,
    "guidance_scale": 1.0,
}


class Reader:
    def __init__(self) -> None:
        self.read: list[str] = []

    def encode(self, item: InpaintRequest) -> EncodedText:
        self.read.append(item.prompt)
        if item.prompt == "too long":
            raise PromptTooLong("prompt", 90, 77)
        return EncodedText(torch.zeros(1), {})


def test_the_same_prompts_are_read_once_whatever_else_differs() -> None:
    reader = Reader()
    cache = TextCache(reader.encode)
    texts = [cache.encode(request(str(seed), seed=seed, steps=seed + 1)) for seed in range(4)]
    assert len(reader.read) == 1
    assert all(text is texts[0] for text in texts)


@pytest.mark.parametrize("name", list(CHANGES))
def test_whatever_the_embeddings_depend_on_is_told_apart(name: str) -> None:
    reader = Reader()
    cache = TextCache(reader.encode)
    cache.encode(request("a"))
    cache.encode(replace(request("b"), **{name: CHANGES[name]}))
    assert len(reader.read) == 2


def test_sizes_are_told_apart() -> None:
    """Stable Diffusion XL's UNet reads them with the text."""
    reader = Reader()
    cache = TextCache(reader.encode)
    cache.encode(request("a"))
    cache.encode(request("b", image=noise_image(0, 64, 72), mask=cell_mask(64, 72)))
    assert len(reader.read) == 2


def test_every_field_of_a_request_is_either_read_or_not() -> None:
    """A new field that the embeddings depend on must join TEXT_FIELDS, or one job would get another's prompt."""
    assert {field.name for field in fields(InpaintRequest)} == {*TEXT_FIELDS, "guidance_scale"} | NOT_READ
    assert {*TEXT_FIELDS, "guidance_scale"} == set(CHANGES)


def test_the_oldest_make_room_and_refusals_are_not_kept() -> None:
    reader = Reader()
    cache = TextCache(reader.encode, most=2)
    for prompt in ("a", "b", "a", "c", "a", "b"):
        cache.encode(request("r", prompt=prompt))
    assert reader.read == ["a", "b", "c", "b"]
    for _ in range(2):
        with pytest.raises(PromptTooLong):
            cache.encode(request("r", prompt="too long"))


def test_pictures_do_not_change_with_what_was_read_before(model: LoadedModel) -> None:
    runner = DiffusersRunner(model)
    first, again = (runner.begin(request(name)) for name in ("a", "b"))
    assert first.text is again.text
    fresh = DiffusersRunner(model).begin(request("c"))
    assert torch.equal(first.text.embeds, fresh.text.embeds)
    assert torch.equal(runner.predict([first])[0], DiffusersRunner(model).predict([fresh])[0])
