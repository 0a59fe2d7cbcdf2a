"""A byte-level CLIP tokenizer: every text is spelled, and the words of our captions are single tokens."""

import json
from collections import Counter
from itertools import pairwise
from pathlib import Path

from transformers import CLIPTokenizer

from worker.pocket.captions import known_words

START, END = "<|startoftext|>", "<|endoftext|>"
WORD_END = "</w>"
POSITIONS = 77

Pair = tuple[str, str]


def byte_letters() -> list[str]:
    """The 256 printable stand-ins for bytes that GPT-2 and CLIP share, in byte order."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    spare = iter(range(256, 512))
    return [chr(b) if b in printable else chr(next(spare)) for b in range(256)]


def learn_merges(words: list[str]) -> list[Pair]:
    """Byte-pair merges, most frequent first, ties in order of letters, until each word is one token."""
    spelled = [[*word[:-1], word[-1] + WORD_END] for word in words]
    merges: list[Pair] = []
    while any(len(parts) > 1 for parts in spelled):
        counts = Counter(pair for parts in spelled for pair in pairwise(parts))
        best = min(counts, key=lambda pair: (-counts[pair], pair))
        merges.append(best)
        spelled = [_merged(parts, best) for parts in spelled]
    return merges


def _merged(parts: list[str], pair: Pair) -> list[str]:
    out: list[str] = []
    for part in parts:
        if out and (out[-1], part) == pair:
            out[-1] += part
        else:
            out.append(part)
    return out


def write_tokenizer(folder: Path) -> None:
    """Write vocab.json, merges.txt and the configuration that `CLIPTokenizer.from_pretrained` reads."""
    folder.mkdir(parents=True, exist_ok=True)
    letters = byte_letters()
    merges = learn_merges(known_words())
    tokens = [*letters, *(c + WORD_END for c in letters), *("".join(m) for m in merges), START, END]
    # Two different pairs can spell one token; a number must not be skipped for it.
    vocab = {token: number for number, token in enumerate(dict.fromkeys(tokens))}
    lines = ["#version: 0.2", *(" ".join(m) for m in merges), ""]
    special = {"bos_token": START, "eos_token": END, "unk_token": END, "pad_token": END}
    config = {"tokenizer_class": "CLIPTokenizer", "model_max_length": POSITIONS, **special}
    (folder / "vocab.json").write_text(json.dumps(vocab, ensure_ascii=False), encoding="utf-8")
    (folder / "merges.txt").write_text("\n".join(lines), encoding="utf-8")
    (folder / "tokenizer_config.json").write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")


def load_tokenizer(folder: Path) -> CLIPTokenizer:
    """The tokenizer written there."""
    return CLIPTokenizer.from_pretrained(folder, local_files_only=True)
