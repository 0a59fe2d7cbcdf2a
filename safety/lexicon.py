"""Lists of words and phrases, found in one pass over a text."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import pairwise

from safety.entries import Element, elements
from safety.misspelling import Misspellings
from safety.readings import readings
from safety.segmentation import Segmentation
from safety.text_normal import Lattice, Token, words

PROPER_NAME = "proper_name"
"""A list that needs no entries: two words that begin with a capital, after one that does not."""
_SHORTEST_STEM = 3
_SHORTEST_SPLIT = 5
_LONGEST_WORD = 14


@dataclass(frozen=True, slots=True)
class Hit:
    """One entry of the list `lexicon`, found at words `first` to `last` (inclusive), `text[start:end]`."""

    lexicon: str
    first: int
    last: int
    start: int
    end: int


_Keys = list[list[tuple[Token, frozenset[str]]]]
"""For each word of a text, its tokens with the words of entries that they stand for."""
_Rest = tuple[Element, ...]
_Start = tuple[str, _Rest]
"""The list an entry belongs to, and what has to follow its first word."""


class _Starts:
    """The entries that begin with one word, in order, and by their second word: a text has few of those."""

    def __init__(self) -> None:
        self._all: list[_Start] = []
        self._whatever_follows: list[int] = []
        self._by_second: dict[str, list[int]] = {}

    def add(self, start: _Start) -> None:
        """One more."""
        _, rest = start
        if not rest or rest[0].lists:
            self._whatever_follows.append(len(self._all))
        for key in rest[0].keys if rest else ():
            self._by_second.setdefault(key, []).append(len(self._all))
        self._all.append(start)

    def among(self, words: frozenset[str]) -> list[_Start]:
        """Those that may be found in a text that has these words of entries, and no others."""
        places = set(self._whatever_follows).union(*(self._by_second[key] for key in words & self._by_second.keys()))
        return [self._all[place] for place in sorted(places)]


@dataclass(slots=True)
class _Sweep:
    """One text while it is searched, from its last word to its first."""

    keys: _Keys
    found: list[dict[str, dict[int, int]]] = field(init=False)
    """At each word, by list: the word after each hit that begins there, with where the hit ends in the text."""
    hits: list[Hit] = field(default_factory=list)
    steps: int = 0

    def __post_init__(self) -> None:
        self.found = [{} for _ in self.keys]

    def ends(self, place: int, end: int, rest: _Rest) -> Iterator[tuple[int, int]]:
        """Every way on from `place` through `rest`: the word after, and where it ends in the text."""
        self.steps += 1
        if not rest:
            yield place, end
            return
        wanted = rest[0]
        for at in range(place, min(place + wanted.skip + 1, len(self.keys))):
            for name in wanted.lists:
                for after, stop in self.found[at].get(name, {}).items():
                    yield from self.ends(after, stop, rest[1:])
            for token, keys in self.keys[at]:
                if not keys.isdisjoint(wanted.keys):
                    yield from self.ends(at + token.width, token.end, rest[1:])


class Lexicons:
    """Several named lists, searched together. Slips are forgiven in words of the lists named in `misspelled`."""

    def __init__(self, lists: Mapping[str, Sequence[str]], misspelled: Sequence[str] = ()) -> None:
        self._by_key: dict[str, _Starts] = defaultdict(_Starts)
        self._by_list: dict[str, list[_Start]] = {}
        vocabulary: set[str] = set()
        for name, entries in lists.items():
            for first, *rest in map(elements, entries):
                for key in first.keys:
                    self._by_key[key].add((name, tuple(rest)))
                for begins in first.lists:
                    self._by_list.setdefault(begins, []).append((name, tuple(rest)))
                vocabulary.update(first.keys, *(element.keys for element in rest))
        self._stems = frozenset(key for key in vocabulary if key.endswith("*"))
        self._words = frozenset(vocabulary - self._stems)
        self._segmentation = Segmentation(vocabulary)
        forgiven = (elements(entry) for name in misspelled for entry in lists.get(name, ()))
        self._misspellings = Misspellings(key for single in forgiven if len(single) == 1 for key in single[0].keys)
        self._keys = lru_cache(maxsize=16384)(self._find_keys)

    def search(self, text: str) -> list[Hit]:
        """Every hit in `text`, in no order."""
        return self.sweep(text).hits

    def sweep(self, text: str) -> "_Sweep":
        """Every hit in `text`, and in `steps` how much was looked at to find them."""
        sweep = _Sweep(self._read(text))
        sweep.hits += _names(text, sweep.keys)
        present = frozenset().union(*(keys for tokens in sweep.keys for _, keys in tokens))
        starts = {key: self._by_key[key].among(present) for key in present & self._by_key.keys()}
        for place in reversed(range(len(sweep.keys))):
            for token, keys in sweep.keys[place]:
                for key in keys:
                    for start in starts.get(key, ()):
                        self._follow(sweep, place, token.start, start, place + token.width, token.end)
        return sweep

    def _follow(self, sweep: _Sweep, place: int, begin: int, start: _Start, after: int, end: int) -> None:
        """Notes the hits of one entry whose first word ends before `after`, and of entries that begin with them."""
        name, rest = start
        known = sweep.found[place].setdefault(name, {})
        # Most entries are one word, of which there is only one way on.
        for beyond, stop in sweep.ends(after, end, rest) if rest else ((after, end),):
            if beyond not in known:
                known[beyond] = stop
                sweep.hits.append(Hit(name, place, beyond - 1, begin, stop))
                for longer in self._by_list.get(name, ()):
                    self._follow(sweep, place, begin, longer, beyond, stop)

    def _read(self, text: str) -> _Keys:
        lattice = self._parted(words(text, self._segments))
        for left, right in pairwise(lattice):
            left += self._rejoined(left, right)
        return [[(token, self._keys(token.readings)) for token in tokens] for tokens in lattice]

    def _rejoined(self, left: Sequence[Token], right: Sequence[Token]) -> Iterator[Token]:
        """The word of which two neighbors are the halves ("rem ove"), unless both mean something by themselves."""
        if len(left) == len(right) == 1:
            first, second = left[0], right[0]
            joined = first.readings[0] + second.readings[0]
            split = len(joined) >= _SHORTEST_SPLIT and joined in self._words
            if split and not (self._keys(first.readings) and self._keys(second.readings)):
                yield Token(first.start, second.end, (joined,), 2)

    def _segments(self, row: str) -> list[str]:
        known = len(row) <= _LONGEST_WORD and self._keys(readings(row))
        return [row] if known else self._segmentation.parts(row)

    def _parted(self, lattice: Lattice) -> Lattice:
        """With words that were written without the spaces between them taken apart."""
        parted: Lattice = []
        for tokens in lattice:
            token = tokens[0]
            solid = len(tokens) == 1 and not self._keys(token.readings)
            parts = self._segmentation.whole(token.readings) if solid else ()
            parted += [[part] for part in _cut(token, parts)] if parts else [tokens]
        return parted

    def _find_keys(self, found_in: tuple[str, ...]) -> frozenset[str]:
        """The words of entries that the readings `found_in` stand for; slips are forgiven where there are none."""
        found = self._words.intersection(found_in)
        stems = (f"{r[:length]}*" for r in found_in for length in range(_SHORTEST_STEM, len(r) + 1))
        found = found.union(self._stems.intersection(stems))
        return found or self._misspellings.meant(found_in[0])


def _cut(token: Token, parts: Sequence[str]) -> Iterator[Token]:
    """The pieces of a token; each as wide in the text as its share of the letters."""
    letters = sum(map(len, parts))
    length, done = token.end - token.start, 0
    for part in parts:
        start = token.start + done * length // letters
        done += len(part)
        yield Token(start, max(token.start + done * length // letters, start + 1), (part,))


def _names(text: str, keys: _Keys) -> Iterator[Hit]:
    tokens = [found[0][0] for found in keys]
    for place, (before, first, second) in enumerate(zip(tokens, tokens[1:], tokens[2:], strict=False), start=1):
        together = second.start - first.end == 1 and not _is_capitalized(text, before)
        if together and _is_capitalized(text, first) and _is_capitalized(text, second):
            yield Hit(PROPER_NAME, place, place + 1, first.start, second.end)


def _is_capitalized(text: str, token: Token) -> bool:
    return text[token.start].isupper() and text[token.start + 1 : token.end].islower()
