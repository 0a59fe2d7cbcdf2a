"""How many tokens a prompt has, and what of it a model would not read: exactly where its tokenizer is at hand."""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers

from storage.models import ModelDescriptor
from storage.params import InpaintParams, LongPrompt
from storage.prompt_tokens import PromptReader

log = structlog.get_logger(__name__)

# Of every CLIP text encoder.
WINDOW = 77
_WORD_END = "</w>"
_WORDS = r"<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"
# Most English words of up to so many letters are one token of CLIP's vocabulary.
_LETTERS_A_TOKEN = 8
_ROUGHLY = re.compile(r"[^\W\d_]+|\d|[^\w\s]+|_+")


@dataclass(frozen=True, slots=True)
class PromptCount:
    """`tokens` of a prompt, read in `chunks` of `limit`; `exact` is False where they are estimated.

    `dropped_text` is what `long_prompt: truncate` leaves out; None where that cannot be told.
    """

    tokens: int
    limit: int
    chunks: int
    exact: bool
    dropped_text: str | None


def count_prompts(params: InpaintParams, model: ModelDescriptor) -> dict[str, PromptCount]:
    """The counts of `prompt` and `negative_prompt`. Raises PromptTooLong where the caller wants that refused."""
    texts = {"prompt": params.prompt, "negative_prompt": params.negative_prompt}
    tokenizer = None if model.folder is None else _tokenizer(model.folder / "tokenizer")
    counter = _Roughly() if tokenizer is None else _Exactly(tokenizer)
    reader, exact = PromptReader(counter, WINDOW), tokenizer is not None
    return {field: _count(reader, field, text, params, exact=exact) for field, text in texts.items()}


def _count(reader: PromptReader, field: str, text: str, params: InpaintParams, *, exact: bool) -> PromptCount:
    # An estimate is no ground to call a prompt too long.
    refuses = params.long_prompt is LongPrompt.REJECT
    policy = LongPrompt.CHUNK if refuses and not exact else params.long_prompt
    read = reader.read(field, text, policy, params.prompt_syntax)
    dropped = read.dropped_text if exact or policy is not LongPrompt.TRUNCATE else None
    return PromptCount(read.count, reader.room, len(read.chunks), exact, dropped)


class _Exactly:
    """The model's own tokenizer."""

    bos_token_id = eos_token_id = pad_token_id = 0

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer

    def __call__(self, text: str, *, add_special_tokens: bool, verbose: bool) -> Mapping[str, list[int]]:  # noqa: ARG002
        return {"input_ids": self._tokenizer.encode(text, add_special_tokens=add_special_tokens).ids}

    def decode(self, token_ids: list[int]) -> str:
        """The words of these tokens, as transformers spells them."""
        return str(self._tokenizer.decode(token_ids)).replace(_WORD_END, " ").strip()


class _Roughly:
    """Counts without a vocabulary."""

    bos_token_id = eos_token_id = pad_token_id = 0

    def __call__(self, text: str, *, add_special_tokens: bool, verbose: bool) -> Mapping[str, list[int]]:  # noqa: ARG002
        words = _ROUGHLY.findall(text)
        return {"input_ids": [0] * sum(-(-len(word) // _LETTERS_A_TOKEN) for word in words)}

    def decode(self, token_ids: list[int]) -> str:  # noqa: ARG002
        """Nothing: there are no words behind these tokens."""
        return ""


@functools.cache
def _tokenizer(folder: Path) -> Tokenizer | None:
    """The CLIP tokenizer in a folder of diffusers layout; None where there is none that can be read."""
    try:
        vocabulary = json.loads((folder / "vocab.json").read_text(encoding="utf-8"))
        lines = (folder / "merges.txt").read_text(encoding="utf-8").splitlines()
        return _clip(vocabulary, [(first, second) for first, second in map(str.split, _merges(lines))])
    except (OSError, ValueError) as problem:
        log.warning("tokenizer_unread", folder=str(folder), error=str(problem))
        return None


def _merges(lines: list[str]) -> list[str]:
    return [line for line in lines if line and not line.startswith("#version")]


def _clip(vocabulary: dict[str, int], merges: list[tuple[str, str]]) -> Tokenizer:
    """CLIP's byte-pair encoding (openai/CLIP, simple_tokenizer.py), as transformers' CLIPTokenizer puts it together."""
    end = "<|endoftext|>"
    model: Any = models.BPE(vocabulary, merges, end_of_word_suffix=_WORD_END, fuse_unk=False, unk_token=end)
    tokenizer = Tokenizer(model)
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.NFC(), normalizers.Replace(Regex(r"\s+"), " "), normalizers.Lowercase()]
    )
    words = pre_tokenizers.Split(Regex(_WORDS), behavior="removed", invert=True)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([words, pre_tokenizers.ByteLevel(add_prefix_space=False)])
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(["<|startoftext|>", end])
    return tokenizer
