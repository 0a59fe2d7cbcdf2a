"""Every way to read one folded word: as it stands, with digits for letters undone, stretched letters shortened."""

import re
from collections.abc import Callable
from functools import lru_cache

from safety.look_alikes import VOWEL_SIGNS

_LEET = {"0": "o", "2": "z", "3": "e", "4": "a", "5": "s", "6": "g", "7": "t", "8": "b", "9": "g", "@": "a", "$": "s"}
_LEET |= {"!": "i"}
_SHORT_WORD = re.compile(r"[013457]{1,4}")
"""Digits alone that may stand for a little word, as in `70` (to) and `45` (as)."""
_DIGITS = str.maketrans("oizsbgl", "0125891")
_POSSESSIVE = re.compile(r"['’][s5]$")
_LEADING_NUMBER = re.compile(r"\d{1,2}(?=[^\W\d])")
_NOT_WORD = re.compile(rf"[^\w{VOWEL_SIGNS}]|_")
_DISGUISED = re.compile(r"[\d@$!]")
_STRETCHED = re.compile(r"(.)\1{2,}|([aiu])\2")
_LONG_RUN = re.compile(r"(.)\1\1")
_RUN = re.compile(r"(.)\1+")
_ALL_DOUBLED = re.compile(r"(?:(.)\1)+")


def bare(word: str) -> str:
    """A folded word without its possessive and the signs in it: the first of its readings."""
    return word if word.isalnum() else _NOT_WORD.sub("", _POSSESSIVE.sub("", word))


@lru_cache(maxsize=8192)
def readings(word: str) -> tuple[str, ...]:
    """The readings of `word`, as it stands first."""
    found = [bare(word)]
    if _DISGUISED.search(word) and (not word.isdigit() or _SHORT_WORD.fullmatch(word)):
        found += _undisguised(_POSSESSIVE.sub("", word))
    # A doubled letter is ordinary spelling (rapping, barre), so only what no English word doubles is shortened.
    found += [_STRETCHED.sub(_shorten(keep), reading) for reading in found for keep in (1, 2)]
    found += [_RUN.sub(_shorten(1), reading) for reading in found[:3] if _is_stretched(reading)]
    return tuple(dict.fromkeys(found))


def _undisguised(word: str) -> list[str]:
    found = [_NOT_WORD.sub("", _deleet(word, one)) for one in "il"]
    if number := _LEADING_NUMBER.match(word):
        found.append(number.group() + _NOT_WORD.sub("", _deleet(word[number.end() :], "i")))
    as_number = word.translate(_DIGITS)
    return [*found, as_number] if as_number.isdigit() and len(as_number) < 3 else found


def _deleet(word: str, one: str) -> str:
    return "".join(_LEET.get(c, c) for c in word).replace("1", one)


def _is_stretched(word: str) -> bool:
    return len(word) > 3 and bool(_LONG_RUN.search(word) or _ALL_DOUBLED.fullmatch(word))


def _shorten(keep: int) -> Callable[[re.Match[str]], str]:
    return lambda run: run.group()[0] * keep
