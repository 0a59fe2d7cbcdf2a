"""Finding the nearest of many hashes without comparing with all of them.

Multi-index hashing (Norouzi, Punjani and Fleet 2012): two hashes that differ in 31 bits or less cannot differ in two
bits or more in each of 16 stretches of 16 bits. So only those are compared that agree in some stretch but for one bit.
"""

from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

BITS: Final = 256
_STRETCHES = 16
_BATCH = 16
Words = NDArray[np.uint64]
# A stretch as it is, and with each of its bits turned over.
_VARIANTS = np.array([0, *(1 << bit for bit in range(BITS // _STRETCHES))], dtype=np.uint16)


class HashIndex:
    """A set of hashes, 64 hex digits each, ready to be searched."""

    def __init__(self, hashes: Sequence[str]) -> None:
        self._words = _words(hashes)
        stretches = self._words.view(np.uint16).reshape(-1, _STRETCHES)
        self._order = [np.argsort(stretches[:, k], kind="stable") for k in range(_STRETCHES)]
        self._sorted = [stretches[order, k] for k, order in enumerate(self._order)]

    def closest(self, hashes: Sequence[str]) -> int:
        """How many of 256 bits the most similar pair of a known hash and one of `hashes` has in common.

        Exact from 225 on, which is a copy; less similar pairs may be missed, and 0 means that none was compared.
        """
        sought, best = _words(hashes), 0
        for start in range(0, len(sought), _BATCH):
            batch = sought[start : start + _BATCH]
            for asking, known in self._candidates(batch):
                different = np.bitwise_count(self._words[known] ^ batch[asking]).sum(axis=1, dtype=np.uint16)
                best = max(best, BITS - int(different.min(initial=BITS)))
        return best

    def _candidates(self, sought: Words) -> Iterator[tuple[NDArray[np.intp], NDArray[np.intp]]]:
        """For each stretch, the pairs that agree there but for a bit: places in `sought`, and in the known hashes."""
        stretches = sought.view(np.uint16).reshape(-1, _STRETCHES)
        places = np.repeat(np.arange(len(sought)), len(_VARIANTS))
        for k, (known, order) in enumerate(zip(self._sorted, self._order, strict=True)):
            wanted = (stretches[:, k, np.newaxis] ^ _VARIANTS).ravel()
            first = np.searchsorted(known, wanted, "left")
            count = np.searchsorted(known, wanted, "right") - first
            # Runs of neighbors, one after the other: each begins at `first`.
            begins = np.cumsum(count) - count
            within = np.arange(count.sum()) - np.repeat(begins, count)
            yield np.repeat(places, count), order[np.repeat(first, count) + within]


def _words(hashes: Sequence[str]) -> Words:
    """Hashes as rows of four 64-bit words."""
    return np.frombuffer(bytes.fromhex("".join(hashes)), dtype=np.uint64).reshape(-1, 4)
