"""Words written without the spaces between them."""

from collections.abc import Collection, Sequence
from functools import lru_cache

_LONGEST = 14
_SHORTEST_ROW = 7
_SHORTEST_STEM = 4
_SHORT_WORDS = frozenset(
    {"a", "an", "as", "at", "by", "he", "i", "in", "is", "it", "me", "my", "no", "of", "off", "on"}
)
_SHORT_WORDS |= {"or", "so", "the", "to", "up", "with", "without", "and", "all", "her", "him", "his", "for", "from"}

_Cost = tuple[int, int, int, int]
"""Letters left over, pieces, sum of squared lengths, and where the last piece begins."""


class Segmentation:
    """Parts rows of letters into words it knows; those that end in a star may go on."""

    def __init__(self, known: Collection[str]) -> None:
        stems = {word.rstrip("*") for word in known if len(word) > _SHORTEST_STEM}
        self._known = {word for word in stems.union(known) if len(word) > 2 and word.isalpha()} | _SHORT_WORDS
        self._whole = lru_cache(maxsize=4096)(self._find_whole)

    def parts(self, row: str) -> list[str]:
        """`row` in pieces: known words where they cover most, and what is left between them."""
        return _merged(self._best(row), self._known)

    def whole(self, readings: Sequence[str]) -> tuple[str, ...]:
        """The known words, two or more, that one of `readings` consists of; empty if there is no such reading."""
        long = tuple(r for r in readings if len(r) >= _SHORTEST_ROW and r.isalpha())
        return self._whole(long) if long else ()

    def _find_whole(self, readings: tuple[str, ...]) -> tuple[str, ...]:
        for row in readings:
            parts = self.parts(row)
            if len(parts) > 1 and all(part in self._known for part in parts) and _is_wordy(parts):
                return tuple(parts)
        return ()

    def _best(self, row: str) -> list[str]:
        """The pieces that leave the fewest letters over, are the fewest and the most alike in length, in this order.

        Letters left over stay single.
        """
        best: list[_Cost] = [(0, 0, 0, 0)]
        for end in range(1, len(row) + 1):
            over, pieces, squares, _ = best[end - 1]
            cost = (over + 1, pieces + 1, squares + 1, end - 1)
            for start in range(max(0, end - _LONGEST), end):
                if row[start:end] in self._known:
                    over, pieces, squares, _ = best[start]
                    cost = min(cost, (over, pieces + 1, squares + (end - start) ** 2, start))
            best.append(cost)
        cut, end = [], len(row)
        while end:
            start = best[end][3]
            cut.append(row[start:end])
            end = start
        return cut[::-1]


def _is_wordy(parts: Sequence[str]) -> bool:
    """Whether most pieces are more than little words, which many a long word falls into by chance."""
    return sum(len(part) > 3 for part in parts) >= max(1, len(parts) // 3) and sum(len(p) < 3 for p in parts) < 3


def _merged(pieces: list[str], known: set[str]) -> list[str]:
    """`pieces` with neighbors that are not words put together again."""
    merged: list[str] = []
    open_ended = False
    for piece in pieces:
        unknown = piece not in known
        if unknown and open_ended:
            merged[-1] += piece
        else:
            merged.append(piece)
        open_ended = unknown
    return merged
