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
_NOT_WORD = re.compile(r"[\W_]")
_DISGUISED = re.compile(r"[\d@$!]")
_STRETCHED = re.compile(r"(.)\1{2,}|([aiu])\2")


@dataclass(frozen=True, slots=True)
class Token:
    """One word as written at `text[start:end]` of the original, with every reading it may have.

    `width` is how many words of the text it covers: 1, or more for letters that were spread apart.
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
    """For each word of `text`, the tokens that begin there: itself first, then rejoined spread letters."""
    folded, places = fold(text)
    found = list(_WORD.finditer(folded))
    ends = [_end(places, match.end()) for match in found]
    lattice = [[Token(places[m.start()], ends[i], readings(m.group()))] for i, m in enumerate(found)]
    for first, last, joined in _spread(folded, found):
        start, end = places[found[first].start()], ends[last]
        lattice[first].append(Token(start, end, readings(joined), last - first + 1))
    return lattice


def _end(places: list[int], folded_end: int) -> int:
    return places[folded_end - 1] + 1


@lru_cache(maxsize=8192)
def readings(word: str) -> tuple[str, ...]:
    """Every way to read a folded word: as it stands, leet decoded, stretched letters shortened."""
    bare = _POSSESSIVE.sub("", word)
    found = [_NOT_WORD.sub("", bare)]
    if _DISGUISED.search(bare) and any(c.isalpha() for c in bare):
        found += [_NOT_WORD.sub("", _deleet(bare, one)) for one in "il"]
    # A doubled letter is ordinary spelling (rapping, barre), so only what no English word doubles is shortened.
    found += [_STRETCHED.sub(_shorten(keep), reading) for reading in found for keep in (1, 2)]
    return tuple(dict.fromkeys(found))


def _deleet(word: str, one: str) -> str:
    return "".join(_LEET.get(c, c) for c in word).replace("1", one)


def _shorten(keep: int) -> Callable[[re.Match[str]], str]:
    return lambda run: run.group()[0] * keep


def _spread(folded: str, found: list[re.Match[str]]) -> Iterator[tuple[int, int, str]]:
    """Runs of words that may be one word taken apart: `n u d e`, `n.u.d.e`, `nu-de`."""
    first = 0
    while first < len(found):
        last = _run_end(folded, found, first)
        if last > first:
            # An article before letters spread apart looks like one of them: "a n u d e".
            starts = (first, first + 1) if found[first].group() in {"a", "i"} and last > first + 1 else (first,)
            for start in starts:
                yield start, last, "".join(m.group() for m in found[start : last + 1])
        first = max(last, first + 1)


def _run_end(folded: str, found: list[re.Match[str]], first: int) -> int:
    last = first
    while last + 1 < len(found) and _belongs(folded, found[last], found[last + 1]):
        last += 1
    return last


def _belongs(folded: str, left: re.Match[str], right: re.Match[str]) -> bool:
    gap = folded[left.end() : right.start()]
    if gap == " ":
        return len(left.group()) == len(right.group()) == 1
    return len(gap) == 1 and not gap.isspace() and gap not in ",;:?()[]\"'"
