"""Words that are one slip away from a known one."""

from collections.abc import Iterable

_SHORTEST = 6
_ROWS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
_VOWELS = frozenset("aeiouy")


class Misspellings:
    """Finds the known word behind a slip: a letter lost, added, swapped with its neighbor or mistyped.

    A mistyped letter counts only beside the right one on the keyboard, or as a vowel for a vowel, and the first
    letter must be right: most pairs of real words that differ in one letter (`remove`, `remote`) are spared so.
    """

    def __init__(self, known: Iterable[str]) -> None:
        self._known = {word for word in known if len(word) >= _SHORTEST and word.isalpha() and word.isascii()}
        self._without: dict[str, set[str]] = {}
        for word in self._known:
            for shorter in _shortened(word):
                self._without.setdefault(shorter, set()).add(word)

    def meant(self, word: str) -> frozenset[str]:
        """The known words that `word`, which is none of them, may have been meant for."""
        if len(word) < _SHORTEST or not word.isalpha():
            return frozenset()
        near = set(self._without.get(word, ()))
        for shorter in _shortened(word):
            near |= self._without.get(shorter, set())
            near |= {shorter} & self._known
        return frozenset(known for known in near if known[0] == word[0] and _one_slip(word, known))


def _shortened(word: str) -> list[str]:
    return [word[:i] + word[i + 1 :] for i in range(len(word))]


def _one_slip(word: str, known: str) -> bool:
    if len(word) != len(known):
        return abs(len(word) - len(known)) == 1
    wrong = [i for i, (a, b) in enumerate(zip(word, known, strict=True)) if a != b]
    if len(wrong) == 2:
        first, second = wrong
        return second == first + 1 and (word[first], word[second]) == (known[second], known[first])
    return len(wrong) == 1 and _mistyped(word[wrong[0]], known[wrong[0]])


def _mistyped(letter: str, right: str) -> bool:
    return {letter, right} <= _VOWELS or any(letter + right in row or right + letter in row for row in _ROWS)
