"""How an entry of a word list is written, and what it asks for in a text."""

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

from safety.inflection import forms
from safety.readings import bare
from safety.text_normal import fold

_NUMBERS = (
    *("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"),
    *("thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen", "twenty"),
)
_WORD = r"(?:[^\s<>*~|.]+[*~]?|<\d{1,3}\w*\*?)"
_CHOICE = rf"(?:{_WORD}|<[a-z_]+>)"
_ELEMENT = rf"{_CHOICE}(?:\|{_CHOICE})*"
ENTRY_PATTERN = rf"^{_ELEMENT}(?: (?:\.\. )*{_ELEMENT})*$"
"""What an entry may look like.

One or more words. `word*` is every word that begins so, `word~` every form of an English word, `a|b` either, `<18`
every whole number below 18, in digits or letters, alone or glued to what follows (`<18yo`), `<list>` whatever is on
that list, and `..` up to two words that may come between.
"""
_GAP = 2
_UNSPACED = re.compile(r"[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\u0e00-\u0e7f]")
_LIST = re.compile(r"<([a-z_]+)>")


class Element(NamedTuple):
    """One place of an entry: any of `keys` (folded words, perhaps with a star) or a hit of any of `lists`.

    `skip` words at most may stand before it.
    """

    keys: frozenset[str]
    lists: tuple[str, ...] = ()
    skip: int = 0


@lru_cache(maxsize=65536)
def elements(entry: str) -> tuple[Element, ...]:
    """What `entry` (of the shape ENTRY_PATTERN) asks for, in order."""
    found: list[Element] = []
    skip = 0
    for word in entry.split():
        if word == "..":
            skip += _GAP
        else:
            first, *more = _elements(word)
            found += [Element(first.keys, first.lists, skip), *more]
            skip = 0
    return tuple(found)


def lists_named(entry: str) -> set[str]:
    """The lists that an entry refers to."""
    return set(_LIST.findall(entry))


def _elements(word: str) -> list[Element]:
    if _UNSPACED.search(word):
        return [Element(frozenset(c)) for c in folded(word)]
    plain = [choice for choice in word.split("|") if not _LIST.fullmatch(choice)]
    keys = frozenset(key for choice in plain for key in _keys(choice))
    return [Element(keys, tuple(_LIST.findall(word)))]


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
    return bare(fold(word)[0])


def _numbers(word: str) -> list[str]:
    digits = "".join(c for c in word if c.isdigit())
    suffix = word.removeprefix(f"<{digits}")
    below = range(int(digits))
    return [f"{n}{suffix}" for n in below] + [f"{_NUMBERS[n]}{suffix}" for n in below if n < len(_NUMBERS)]
