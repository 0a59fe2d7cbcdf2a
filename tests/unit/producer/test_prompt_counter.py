"""Tokens are counted as the worker counts them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from transformers import CLIPTokenizer

from producer.prompt_counter import WINDOW, count_prompts
from storage.errors import PromptTooLong
from storage.models import POCKET_FOLDER, describe
from storage.params import InpaintParams, LongPrompt, PromptSyntax
from storage.prompt_tokens import PromptReader

POCKET = describe("default", "pocket")
READER = PromptReader(CLIPTokenizer.from_pretrained(POCKET_FOLDER / "tokenizer", local_files_only=True), WINDOW)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=120) | st.sampled_from(
    [
        "a red circle, don't",
        "L'ÉTÉ 3½ 今日は 👍🏽",
        "(a:1.3) [b] BREAK c",
        "<|endoftext|> x",
        "a" * 300,
        " \t\n",
        "ﬁ İ ẞ Σς",
    ]
)


@given(TEXTS, st.sampled_from([LongPrompt.CHUNK, LongPrompt.TRUNCATE]), st.sampled_from(PromptSyntax))
def test_the_count_is_that_of_the_workers_tokenizer(text: str, policy: LongPrompt, syntax: PromptSyntax) -> None:
    params = InpaintParams(prompt=text, long_prompt=policy, prompt_syntax=syntax)
    count = count_prompts(params, POCKET)["prompt"]
    read = READER.read("prompt", text, policy, syntax)
    assert (count.tokens, count.chunks, count.dropped_text) == (read.count, len(read.chunks), read.dropped_text)
    assert count.exact


def test_a_prompt_that_must_not_be_cut_is_refused_where_it_is_known_to_be_too_long() -> None:
    params = InpaintParams(negative_prompt="q" * 80, long_prompt=LongPrompt.REJECT)
    with pytest.raises(PromptTooLong, match="negative_prompt has"):
        count_prompts(params, POCKET)
    unknown = describe("default", "owner/somewhere")
    assert not count_prompts(params, unknown)["negative_prompt"].exact
