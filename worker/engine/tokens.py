"""How a prompt of any length becomes chunks that the text encoder can read. Knows no torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from storage.params import LongPrompt
from worker.errors import PromptTooLong

_SPECIAL = 2  # each chunk begins with BOS and ends with EOS


class Tokenizer(Protocol):
    """The part of a transformers CLIPTokenizer that is used here."""

    bos_token_id: Any
    eos_token_id: Any
    pad_token_id: Any

    def __call__(self, text: str, *, add_special_tokens: bool, verbose: bool) -> Any: ...

    def decode(self, token_ids: list[int]) -> Any: ...


@dataclass(frozen=True, slots=True)
class PromptTokens:
    """Chunks of exactly `window` token ids each, and the words that fit into none of them."""

    chunks: list[list[int]]
    dropped_text: str = ""


class PromptReader:
    """Cuts prompts into windows of `window` tokens (77 for CLIP), of which 2 are BOS and EOS."""

    def __init__(self, tokenizer: Tokenizer, window: int) -> None:
        self._tokenizer = tokenizer
        self._window = window
        self._room = window - _SPECIAL

    def read(self, field: str, text: str, policy: LongPrompt) -> PromptTokens:
        """The chunks of `text`; `field` names it in errors. Raises PromptTooLong where the policy is to reject."""
        ids = list(self._tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"])
        if len(ids) <= self._room:
            return PromptTokens([self._framed(ids)])
        if policy is LongPrompt.REJECT:
            raise PromptTooLong(field, len(ids), self._room)
        if policy is LongPrompt.TRUNCATE:
            dropped = str(self._tokenizer.decode(ids[self._room :])).strip()
            return PromptTokens([self._framed(ids[: self._room])], dropped)
        starts = range(0, len(ids), self._room)
        return PromptTokens([self._framed(ids[start : start + self._room]) for start in starts])

    def pad(self, tokens: PromptTokens, chunks: int) -> list[list[int]]:
        """The chunks followed by empty ones up to `chunks`: both halves of a guided row need the same length."""
        return tokens.chunks + [self._framed([])] * (chunks - len(tokens.chunks))

    def _framed(self, ids: list[int]) -> list[int]:
        framed = [self._tokenizer.bos_token_id, *ids, self._tokenizer.eos_token_id]
        return framed + [self._tokenizer.pad_token_id] * (self._window - len(framed))
