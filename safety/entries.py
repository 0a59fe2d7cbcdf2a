"""How an entry of a word list is written, and the sequences of words that it stands for."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

from safety.inflection import forms
from safety.readings import readings
from safety.text_normal import fold

_NUMBERS = (
    *("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"),
    *("thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen", "twenty"),
)
_WORD = r"(?:[^\s<>*~|.]+[*~]?|<\d{1,3}\w*\*?)"
_CHOICE = rf"{_WORD}(?:\|{_WORD})*"
_ELEMENT = rf"(?:{_CHOICE}|<[a-z_]+>)"
ENTRY_PATTERN = rf"^{_ELEMENT}(?: (?:\.\. )?{_ELEMENT})*$"
"""What an entry may look like.

One or more words. `word*` is every word that begins so, `word~` every form of an English word, `a|b` either, `<18`
every whole number below 18, in digits or letters, alone or glued to what follows (`<18yo`), `<list>` whatever is on
that list, and `..` up to two words that may come between.
"""
_UNSPACED = re.compile(r"[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\u0e00-\u0e7f]")
_LIST = re.compile(r"<([a-z_]+)>")


@dataclass(frozen=True, slots=True)
class Element:
    """One word of an entry: a key (a folded word, perhaps with a star), or the name of a list.

    `skip` words at most may stand before it.
    """

    key: str = ""
    listed: str = ""
    skip: int = 0


def sequences(entry: str) -> Iterator[tuple[Element, ...]]:
    """Every sequence that `entry` (of the shape ENTRY_PATTERN) stands for."""
    choices: list[list[list[Element]]] = []
    skip = 0
    for word in entry.split():
        if word == "..":
            skip = 2
            continue
        choices.append([_skipping(skip, elements) for elements in _choices(word)])
        skip = 0
    for choice in product(*choices):
        yield tuple(element for elements in choice for element in elements)


def lists_named(entry: str) -> set[str]:
    """The lists that an entry refers to."""
    return set(_LIST.findall(entry))


def _choices(word: str) -> Iterator[list[Element]]:
    if named := _LIST.fullmatch(word):
        yield [Element(listed=named.group(1))]
        return
    for alternative in word.split("|"):
        for key in _keys(alternative):
            unspaced = _UNSPACED.search(key)
            yield [Element(key=c) for c in key] if unspaced else [Element(key=key)]


def _keys(word: str) -> Iterator[str]:
    if word.startswith("<"):
        yield from _numbers(word)
    elif word.endswith("~"):
        yield from (folded(form) for form in forms(word[:-1].lower()))
    elif word.endswith("*"):
        yield folded(word[:-1]) + "*"
    else:
        yield folded(word)


def folded(word: str) -> str:
    """A word of an entry as words of a text are read."""
    return readings(fold(word)[0])[0]


def _numbers(word: str) -> list[str]:
    digits = "".join(c for c in word if c.isdigit())
    suffix = word.removeprefix(f"<{digits}")
    below = range(int(digits))
    return [f"{n}{suffix}" for n in below] + [f"{_NUMBERS[n]}{suffix}" for n in below if n < len(_NUMBERS)]


def _skipping(skip: int, elements: list[Element]) -> list[Element]:
    first, *rest = elements
    return [Element(first.key, first.listed, skip), *rest]
