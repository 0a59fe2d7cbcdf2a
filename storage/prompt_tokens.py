"""How a prompt of any length becomes chunks that the text encoder can read. Knows no torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from storage.emphasis import read_emphasis
from storage.errors import PromptTooLong
from storage.params import LongPrompt, PromptSyntax

_SPECIAL = 2  # each chunk begins with BOS and ends with EOS


class Tokenizer(Protocol):
    """The part of a CLIP tokenizer that is used here; that of transformers is one."""

    bos_token_id: Any
    eos_token_id: Any
    pad_token_id: Any

    def __call__(self, text: str, *, add_special_tokens: bool, verbose: bool) -> Any: ...

    def decode(self, token_ids: list[int]) -> Any: ...


@dataclass(frozen=True, slots=True)
class Chunk:
    """What the encoder reads at once: `ids` of exactly `window` tokens, and the weight of each."""

    ids: list[int]
    weights: list[float]


@dataclass(frozen=True, slots=True)
class PromptTokens:
    """The chunks of a prompt of `count` tokens, and the words that fit into none of them."""

    chunks: list[Chunk]
    count: int
    dropped_text: str = ""


class PromptReader:
    """Cuts prompts into windows of `window` tokens (77 for CLIP), of which 2 are BOS and EOS; `room` are the others."""

    def __init__(self, tokenizer: Tokenizer, window: int) -> None:
        self._tokenizer = tokenizer
        self._window = window
        self.room = window - _SPECIAL

    def read(self, field: str, text: str, policy: LongPrompt, syntax: PromptSyntax) -> PromptTokens:
        """The chunks of `text`; `field` names it in errors. Raises PromptTooLong where the policy is to reject.

        In the syntax a1111 every BREAK begins a new chunk, and the policy applies to each part by itself. BOS, EOS
        and padding always weigh 1.
        """
        chunks: list[Chunk] = []
        dropped: list[str] = []
        parts = self._parts(text, syntax)
        for ids, weights in parts:
            if len(ids) > self.room and policy is LongPrompt.REJECT:
                raise PromptTooLong(field, len(ids), self.room)
            if policy is LongPrompt.TRUNCATE:
                dropped.append(str(self._tokenizer.decode(ids[self.room :])).strip())
                ids, weights = ids[: self.room], weights[: self.room]
            for start in range(0, max(len(ids), 1), self.room):
                chunks.append(self._framed(ids[start : start + self.room], weights[start : start + self.room]))
        return PromptTokens(chunks, sum(len(ids) for ids, _ in parts), " ".join(filter(None, dropped)))

    def pad(self, tokens: PromptTokens, chunks: int) -> list[Chunk]:
        """The chunks followed by empty ones up to `chunks`: both halves of a guided row need the same length."""
        return tokens.chunks + [self._framed([], [])] * (chunks - len(tokens.chunks))

    def _parts(self, text: str, syntax: PromptSyntax) -> list[tuple[list[int], list[float]]]:
        if syntax is PromptSyntax.PLAIN:
            ids = self._tokenized(text)
            return [(ids, [1.0] * len(ids))]
        parts: list[tuple[list[int], list[float]]] = []
        for section in read_emphasis(text):
            pieces = [(self._tokenized(piece.text), piece.weight) for piece in section]
            ids = [token for tokens, _ in pieces for token in tokens]
            parts.append((ids, [weight for tokens, weight in pieces for _ in tokens]))
        return parts

    def _tokenized(self, text: str) -> list[int]:
        return list(self._tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"])

    def _framed(self, ids: list[int], weights: list[float]) -> Chunk:
        framed = [self._tokenizer.bos_token_id, *ids, self._tokenizer.eos_token_id]
        padding = self._window - len(framed)
        return Chunk(framed + [self._tokenizer.pad_token_id] * padding, [1.0, *weights, 1.0] + [1.0] * padding)
