"""Text as a reader would see it: disguises removed, every character still tied to its place.

Folding decomposes (NFKD), drops format characters and marks (Cf, Mn, Me), lower-cases, and replaces
look-alike letters of other scripts by the Latin letter they imitate (the idea of the skeleton of UTS #39,
with a small table of our own). Decomposing and then dropping marks gives the skeleton that NFKC and dropping
marks gives for text without accents, and takes the accents off as well.
"""

import re
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby, pairwise

_DROPPED = frozenset({"Cf", "Mn", "Me"})

_LOOK_ALIKES = str.maketrans(
    {
        # Cyrillic
        "а": "a", "в": "b", "с": "c", "ԁ": "d", "е": "e", "ё": "e", "һ": "h", "і": "i", "ї": "i", "ј": "j",
        "к": "k", "ӏ": "l", "м": "m", "н": "h", "о": "o", "р": "p", "ԛ": "q", "ѕ": "s", "т": "t", "у": "y",
        "ѵ": "v", "ԝ": "w", "х": "x", "ь": "b",
        # Greek
        "α": "a", "β": "b", "ε": "e", "η": "n", "ι": "i", "κ": "k", "μ": "u", "ν": "v", "ο": "o", "ρ": "p",
        "σ": "o", "ς": "c", "τ": "t", "υ": "u", "χ": "x", "ω": "w",
        # Latin letters that do not decompose
        "ı": "i", "ɑ": "a", "ɡ": "g", "ɩ": "i", "ʟ": "l", "ɴ": "n", "ʀ": "r", "ø": "o", "đ": "d", "ł": "l",
        "ħ": "h", "ŧ": "t",
    }
)  # fmt: skip

_LEET = {"0": "o", "3": "e", "4": "a", "5": "s", "7": "t", "8": "b", "9": "g", "@": "a", "$": "s", "!": "i"}
_WORD = re.compile(r"[^\W_]+(?:[@$!'’]+(?=[^\W_])[^\W_]*)*|[@$!]+[^\W_][^\W_@$!]*")
_POSSESSIVE = re.compile(r"['’]s$")
_LEADING_NUMBER = re.compile(r"\d{1,2}(?=[^\W\d])")
_NOT_WORD = re.compile(r"[\W_]")
_DISGUISED = re.compile(r"[\d@$!]")
_SEPARATORS = ",;:?()[]\"'"
_STRETCHED = re.compile(r"(.)\1{2,}|([aiu])\2")
_MOST_PARTS = 6


_Part = tuple[str, int, int]
"""A word and where it starts and ends."""


@dataclass(frozen=True, slots=True)
class Token:
    """One word as written at `text[start:end]` of the original, with every reading it may have.

    `width` is how many words of the text it covers: 1, or more for parts that may be one word.
    """

    start: int
    end: int
    readings: tuple[str, ...]
    width: int = 1


def fold(text: str) -> tuple[str, list[int]]:
    """The folded text, and for each of its characters the index in `text` that it came from."""
    folded: list[str] = []
    places: list[int] = []
    for place, character in enumerate(text):
        for plain in _fold_character(character):
            folded.append(plain)
            places.append(place)
    return "".join(folded), places


@lru_cache(maxsize=4096)
def _fold_character(character: str) -> str:
    kept = (c for c in unicodedata.normalize("NFKD", character) if unicodedata.category(c) not in _DROPPED)
    lowered = "".join(kept).casefold().translate(_LOOK_ALIKES)
    return "".join(c for c in unicodedata.normalize("NFKD", lowered) if unicodedata.category(c) not in _DROPPED)


def words(text: str) -> list[list[Token]]:
    """For each word of `text`, the tokens that begin there: itself, then words that were taken apart.

    Letters spread out (`n u d e`, `n.u.d.e`) are one word; parts joined by a sign (`nu-de`) may be one or several,
    in any grouping (`re-move-her`).
    """
    folded, places = fold(text)
    found = [(m.group(), m.start(), m.end()) for m in _WORD.finditer(folded)]
    lattice: list[list[Token]] = []
    for run, glue in _runs(folded, found):
        parts = [(word, places[start], places[end - 1] + 1) for word, start, end in run]
        letters = all(len(word) == 1 for word, _, _ in parts)
        lattice += [_spread(parts)] if letters and len(parts) > (2 if glue == " " else 1) else _joined(parts)
    return lattice


def _spread(parts: list[_Part]) -> list[Token]:
    # An article before letters spread apart looks like one of them: "a n u d e".
    starts = (0, 1) if parts[0][0] in ("a", "i") else (0,)
    return [_token(parts[start:]) for start in starts]


def _joined(parts: list[_Part]) -> list[list[Token]]:
    lattice = []
    for start in range(len(parts)):
        stops = range(start + 1, min(start + _MOST_PARTS, len(parts)) + 1)
        lattice.append([_token(parts[start:stop], stop - start) for stop in stops])
    if len(parts) > _MOST_PARTS:
        lattice[0].append(_token(parts, len(parts)))
    return lattice


def _token(parts: list[_Part], width: int = 1) -> Token:
    return Token(parts[0][1], parts[-1][2], readings("".join(part[0] for part in parts)), width)


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
    if gap == " ":
        return gap if len(neighbors) == 2 else ""
    return gap if len(gap) == 1 and not gap.isspace() and gap not in _SEPARATORS else ""


@lru_cache(maxsize=8192)
def readings(word: str) -> tuple[str, ...]:
    """Every way to read a folded word: as it stands, leet decoded, stretched letters shortened."""
    bare = _POSSESSIVE.sub("", word)
    found = [_NOT_WORD.sub("", bare)]
    if _DISGUISED.search(bare) and any(c.isalpha() for c in bare):
        found += [_NOT_WORD.sub("", _deleet(bare, one)) for one in "il"]
        if number := _LEADING_NUMBER.match(bare):
            found.append(number.group() + _NOT_WORD.sub("", _deleet(bare[number.end() :], "i")))
    # A doubled letter is ordinary spelling (rapping, barre), so only what no English word doubles is shortened.
    found += [_STRETCHED.sub(_shorten(keep), reading) for reading in found for keep in (1, 2)]
    return tuple(dict.fromkeys(found))


def _deleet(word: str, one: str) -> str:
    return "".join(_LEET.get(c, c) for c in word).replace("1", one)


def _shorten(keep: int) -> Callable[[re.Match[str]], str]:
    return lambda run: run.group()[0] * keep
