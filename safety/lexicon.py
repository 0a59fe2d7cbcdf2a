"""Lists of words and phrases, found in one pass over a text.

An entry is one or more words. `word*` stands for every word that begins so; `<18` for every whole number below
18, in digits or in letters, alone or glued to what follows (`<18yo`). Entries are folded like the text.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import product

from safety.text_normal import Token, fold, readings

_NUMBERS = (
    *("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"),
    *("thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen", "twenty"),
)
_SHORTEST_STEM = 3


@dataclass(frozen=True, slots=True)
class Hit:
    """One entry of the list `lexicon`, found at words `first` to `last` (inclusive), `text[start:end]`."""

    lexicon: str
    first: int
    last: int
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class _Entry:
    lexicon: str
    rest: tuple[str, ...]


class Lexicons:
    """Several named lists, searched together."""

    def __init__(self, lists: Mapping[str, Sequence[str]]) -> None:
        self._starts: dict[str, list[_Entry]] = {}
        for name, entries in lists.items():
            for entry in entries:
                for first, *rest in _expand(entry):
                    self._starts.setdefault(first, []).append(_Entry(name, tuple(rest)))

    def search(self, lattice: Sequence[Sequence[Token]]) -> list[Hit]:
        """Every hit in a text given as the tokens that begin at each word, in the order of the text."""
        hits: list[Hit] = []
        for place, tokens in enumerate(lattice):
            for token in tokens:
                hits += self._hits_from(lattice, place, token)
        return hits

    def _hits_from(self, lattice: Sequence[Sequence[Token]], place: int, token: Token) -> Iterator[Hit]:
        for key in _keys(token.readings):
            for entry in self._starts.get(key, ()):
                for last, end in _follow(lattice, place + token.width, token.end, entry.rest):
                    yield Hit(entry.lexicon, place, last, token.start, end)


def _follow(
    lattice: Sequence[Sequence[Token]], place: int, end: int, rest: tuple[str, ...]
) -> Iterator[tuple[int, int]]:
    if not rest:
        yield place - 1, end
    elif place < len(lattice):
        for token in lattice[place]:
            if rest[0] in _keys(token.readings):
                yield from _follow(lattice, place + token.width, token.end, rest[1:])


@lru_cache(maxsize=8192)
def _keys(readings: tuple[str, ...]) -> frozenset[str]:
    """Every way an entry may name a word: each reading whole, and each beginning of it with a star."""
    stems = (f"{r[:length]}*" for r in readings for length in range(_SHORTEST_STEM, len(r) + 1))
    return frozenset(readings).union(stems)


def _expand(entry: str) -> Iterator[tuple[str, ...]]:
    choices = [_numbers(word) if word.startswith("<") else [_fold_word(word)] for word in entry.split()]
    return product(*choices)


def _fold_word(word: str) -> str:
    star = "*" if word.endswith("*") else ""
    return readings(fold(word)[0])[0] + star


def _numbers(word: str) -> list[str]:
    digits = "".join(c for c in word if c.isdigit())
    suffix = word.removeprefix(f"<{digits}")
    below = range(int(digits))
    return [f"{n}{suffix}" for n in below] + [f"{_NUMBERS[n]}{suffix}" for n in below if n < len(_NUMBERS)]
