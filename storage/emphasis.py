"""The prompt syntax of AUTOMATIC1111's web UI: (more), (this much:1.3), [less], \\( \\) and BREAK.

One reader for both sides: what the policy judges at submit is what the model reads later.
"""

from __future__ import annotations

import re
from collections import deque
from dataclasses import dataclass
from itertools import groupby

MAX_WEIGHT = 100.0
"""Weights beyond this, to either side, are refused at submit: they leave nothing of a prompt but noise."""

# Of AUTOMATIC1111's modules/prompt_parser.py; a factor holds for everything between a bracket and its partner.
_FACTORS = {"(": 1.1, "[": 1 / 1.1}
_OPENED_BY = {")": "(", "]": "["}
# Every repetition is possessive, so that no prompt makes it slow.
_SIGN = re.compile(
    r"\\(?P<literal>[()\[\]\\]?)"
    r"|(?P<open>[(\[])"
    r"|:\s*+(?P<weight>[+-]?(?:\d++(?:\.\d*+)?|\.\d++))\s*+\)"
    r"|(?P<close>[)\]])"
    r"|(?P<end>\bBREAK\b)"
)


@dataclass(frozen=True, slots=True)
class Piece:
    """Words of one weight, without the syntax around them; `places[i]` is where `text[i]` stands in the prompt."""

    text: str
    weight: float
    places: tuple[int, ...]


def read_emphasis(prompt: str) -> list[list[Piece]]:
    """The sections of a prompt, parted by BREAK, each a list of pieces in which neighbours differ in weight.

    `(` multiplies what follows by 1.1, `[` by 1 / 1.1, as far as the partner or the end of the prompt; `(x:1.3)` by
    1.3 instead. A closing bracket without a partner is text, as is one behind a backslash; any other backslash is
    dropped. There is always a section, and it may be empty.
    """
    return _Reader().read(prompt)


def is_overweight(prompt: str) -> bool:
    """Whether any weight in the prompt is further from 0 than MAX_WEIGHT."""
    return not all(abs(piece.weight) <= MAX_WEIGHT for section in read_emphasis(prompt) for piece in section)


def shown(prompt: str, seam: str) -> tuple[str, list[int]]:
    """The prompt as a judge should read it, and for each of its characters the index in `prompt`.

    Without brackets and weights; `seam` stands in their place, for (wo)(rd) may be one word or two. Sections are
    parted by a line break.
    """
    text: list[str] = []
    places: list[int] = []
    for section in read_emphasis(prompt):
        found = [(place, char) for piece in section for place, char in zip(piece.places, piece.text, strict=True)]
        before, due = "\n" if places else "", None
        for place, char in found:
            before = before if due is None else "" if place == due else seam
            text += [*before, char]
            places += [place] * (len(before) + 1)
            due = place + 1
    return "".join(text), places


@dataclass(slots=True)
class _Run:
    """Characters that stand side by side in the prompt."""

    section: int
    start: int
    text: str
    weight: float = 1.0


class _Reader:
    def __init__(self) -> None:
        self._runs: list[_Run] = []
        self._open: dict[str, list[int]] = {bracket: [] for bracket in _FACTORS}
        self._section = 0

    def read(self, prompt: str) -> list[list[Piece]]:
        done = 0
        for sign in _SIGN.finditer(prompt):
            self._add(prompt[done : sign.start()], done)
            self._take(sign)
            done = sign.end()
        self._add(prompt[done:], done)
        for bracket, starts in self._open.items():
            self._scale_to_the_end(starts, _FACTORS[bracket])
        return [_merged([run for run in self._runs if run.section == section]) for section in range(self._section + 1)]

    def _add(self, text: str, start: int) -> None:
        if text:
            self._runs.append(_Run(self._section, start, text))

    def _take(self, sign: re.Match[str]) -> None:
        kind = sign.lastgroup
        if kind == "literal":
            self._add(sign["literal"], sign.start("literal"))
        elif kind == "open":
            self._open[sign["open"]].append(len(self._runs))
        elif kind == "end":
            self._section += 1
        else:
            self._close(sign, _OPENED_BY[sign["close"] or ")"])

    def _close(self, sign: re.Match[str], bracket: str) -> None:
        if not self._open[bracket]:
            self._add(sign.group(), sign.start())
            return
        factor = _FACTORS[bracket] if sign["weight"] is None else float(sign["weight"])
        self._scale(self._open[bracket].pop(), factor)

    def _scale(self, start: int, factor: float) -> None:
        for run in self._runs[start:]:
            run.weight *= factor

    def _scale_to_the_end(self, starts: list[int], factor: float) -> None:
        """For brackets without partners, of which a prompt may have thousands: once through, not once for each."""
        waiting, product = deque(starts), 1.0
        for index, run in enumerate(self._runs):
            while waiting and waiting[0] <= index:
                waiting.popleft()
                product *= factor
            run.weight *= product


def _merged(runs: list[_Run]) -> list[Piece]:
    pieces: list[Piece] = []
    for weight, same in groupby(runs, key=lambda run: run.weight):
        members = list(same)
        places = tuple(place for run in members for place in range(run.start, run.start + len(run.text)))
        pieces.append(Piece("".join(run.text for run in members), weight, places))
    return pieces
