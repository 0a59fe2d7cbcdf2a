"""Text as a reader would see it: disguises removed, every character still tied to its place.

Folding decomposes (NFKD), drops format characters and marks (Cf, Mn, Me), lower-cases, and replaces look-alike
letters of other scripts by the Latin letter they imitate (the skeleton of UTS #39). Decomposing and then dropping
marks gives the skeleton that NFKC and dropping marks gives for text without accents, and takes the accents off too.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby, pairwise

from safety.look_alikes import VOWEL_SIGNS, is_turned, plain, upright
from safety.readings import readings

# Scripts without spaces: every character counts as a word. Kana, Han, Thai.
_UNSPACED = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\u0e00-\u0e7f"
_FIRST_UNSPACED = "\u0e00"
_LETTER = rf"(?:[^\W_{_UNSPACED}]|[{VOWEL_SIGNS}])"
_WORD = re.compile(rf"[{_UNSPACED}]|{_LETTER}+(?:[@$!'’]+(?={_LETTER}){_LETTER}*)*|[@$!]+{_LETTER}[^\W_@$!]*")
_ASCII_WORD = re.compile(r"[a-z0-9]+(?:[@$!']+[a-z0-9]+)*|[@$!]+[a-z0-9]+")
_SEPARATORS = ",;:?()[]\"'"
_LEET_SIGNS = {"+": "t", "|": "l", "\\": "l", "/": "l"}
_MOST_PARTS = 6
# A request is read several times: by the rules, for its imprint and for the record.
_RECENT = 32


_Part = tuple[str, int, int]
"""A word and where it starts and ends."""

Segmenter = Callable[[str], list[str]]
"""Parts a row of letters without spaces into the words it is made of; together they are the row."""


@dataclass(frozen=True, slots=True)
class Token:
    """One word as written at `text[start:end]` of the original, with every reading it may have.

    `width` is how many words of the text it covers: 1, or more for parts that may be one word.
    """

    start: int
    end: int
    readings: tuple[str, ...]
    width: int = 1


Lattice = list[list[Token]]
"""For each word of a text, the tokens that begin there: itself first, then words that were taken apart."""


@lru_cache(maxsize=_RECENT)
def fold(text: str) -> tuple[str, Sequence[int]]:
    """The folded text, and for each of its characters the index in `text` that it came from."""
    if text.isascii():
        return text.lower(), range(len(text))
    folded: list[str] = []
    places: list[int] = []
    for place, character in enumerate(text):
        for letter in _plain(character):
            folded.append(letter)
            places.append(place)
    return "".join(folded), places


_plain = lru_cache(maxsize=4096)(plain)


def whole(row: str) -> list[str]:
    """The segmenter that knows no words: a row of letters is one."""
    return [row]


def words(text: str, segmenter: Segmenter = whole) -> Lattice:
    """The words of `text`.

    Letters spread out (`n u d e`, `n.u.d.e`) are one word, or those that `segmenter` finds in them; parts joined by
    a sign (`nu-de`) may be one or several, in any grouping (`re-move-her`).
    """
    lattice: Lattice = []
    for parts, glue in _joined_parts(text):
        if len(parts) == 1:
            lattice.append([_token(parts)])
        elif all(len(word) == 1 for word, _, _ in parts) and len(parts) > (2 if glue == " " else 1):
            lattice += _spread(parts, segmenter)
        else:
            lattice += _joined(parts, glue)
    return _with_turned(text, lattice)


@lru_cache(maxsize=_RECENT)
def _joined_parts(text: str) -> tuple[tuple[list[_Part], str], ...]:
    """The words as they are written, in runs with what holds each together."""
    folded, places = fold(text)
    pattern = _ASCII_WORD if folded.isascii() else _WORD
    found = [(m.group(), m.start(), m.end()) for m in pattern.finditer(folded)]
    runs = _runs(folded, found)
    return tuple(([(word, places[s], places[e - 1] + 1) for word, s, e in run], glue) for run, glue in runs)


def _spread(parts: list[_Part], segmenter: Segmenter) -> Lattice:
    letters = "".join(part[0] for part in parts)
    segments = segmenter(letters)
    if len(segments) == 1:
        # An article before letters spread apart looks like one of them: "a n u d e".
        starts = (0, 1) if letters[0] in "ai" else (0,)
        return [[_token(parts[start:]) for start in starts]]
    ends = [sum(map(len, segments[: i + 1])) for i in range(len(segments))]
    return [[_token(parts[end - len(segment) : end])] for segment, end in zip(segments, ends, strict=True)]


def _joined(parts: list[_Part], glue: str) -> Lattice:
    lattice = []
    for start in range(len(parts)):
        stops = range(start + 1, min(start + _MOST_PARTS, len(parts)) + 1)
        lattice.append([_token(parts[start:stop], stop - start, _LEET_SIGNS.get(glue, "")) for stop in stops])
    if len(parts) > _MOST_PARTS:
        lattice[0].append(_token(parts, len(parts)))
    return lattice


def _token(parts: list[_Part], width: int = 1, sign: str = "") -> Token:
    found = readings(parts[0][0] if len(parts) == 1 else "".join(part[0] for part in parts))
    if sign and len(parts) > 1:
        found += readings(sign.join(part[0] for part in parts))
    return Token(parts[0][1], parts[-1][2], found, width)


def _with_turned(text: str, lattice: Lattice) -> Lattice:
    """`lattice`, in which words with letters that stand on their head can be read from there too."""
    if text.isascii() or not any(map(is_turned, text)):
        return lattice
    return [[_turned(text, token) for token in tokens] for tokens in lattice]


def _turned(text: str, token: Token) -> Token:
    if not any(map(is_turned, text[token.start : token.end])):
        return token
    return Token(token.start, token.end, (*token.readings, upright(token.readings[0])), token.width)


def _runs(folded: str, found: list[_Part]) -> Iterator[tuple[list[_Part], str]]:
    """Words in order, in runs with what holds each together: one sign, or single spaces between single letters."""
    gaps = _patterns([_glue(folded[left[2] : right[1]], left[0] + right[0]) for left, right in pairwise(found)])
    run, held = found[:1], ""
    for glue, part in zip(gaps, found[1:], strict=True):
        if glue and glue == (held or glue):
            run.append(part)
            held = glue
        else:
            yield run, held
            run, held = [part], ""
    if run:
        yield run, held


def _patterns(gaps: list[str]) -> list[str]:
    """Without spaces that only part words spelled with another sign: "a g.i.r.l i.n" is "a", "girl", "in"."""
    kept: list[str] = []
    for glue, same in groupby(gaps):
        count = len(list(same))
        flanks = bool(kept and kept[-1]) + bool(gaps[len(kept) + count : len(kept) + count + 1] not in ([], [""]))
        kept += [""] * count if glue == " " and count + 1 - flanks < 2 else [glue] * count
    return kept


def _glue(gap: str, neighbors: str) -> str:
    if max(neighbors) >= _FIRST_UNSPACED:
        return ""
    if gap == " ":
        return gap if len(neighbors) == 2 else ""
    return gap if len(gap) == 1 and not gap.isspace() and gap not in _SEPARATORS else ""
