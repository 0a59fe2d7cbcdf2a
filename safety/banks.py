"""Banks of hashes of known pictures, handed in as plain values, and whether a picture is a copy of one of them."""

import csv
import io
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Final

from PIL.Image import Image

from safety.errors import BankError
from safety.evidence import Evidence, Scores
from safety.hash_index import BITS, HashIndex
from safety.hash_tiles import BANKED, TiledHash, tiled_hash
from safety.hashes import MAX_DISTANCE, MIN_QUALITY

COPY: Final = BITS - MAX_DISTANCE
"""A likeness, in bits of 256, from which on two pictures count as copies."""
_HEX = re.compile(r"[0-9a-f]{64}")
_NAME = re.compile(r"[a-z0-9_-]{1,40}")


@dataclass(frozen=True, slots=True)
class Banked:
    """One known picture in `bank`: the hashes of it and of its tiles, 64 hex digits each, and why it is there."""

    bank: str
    hashes: tuple[str, ...]
    reason: str


def checked_name(bank: str) -> str:
    """`bank`, which rules of the policy can refer to. Raises BankError."""
    if not _NAME.fullmatch(bank):
        raise BankError(f"A bank cannot be called {bank!r}: use up to 40 of a-z, 0-9, _ and -.")
    return bank


def bank_picture(bank: str, image: Image, reason: str) -> Banked:
    """`image` as a known picture. Raises BankError where it is too flat to be told from others."""
    found = tiled_hash(image, BANKED)
    hashes = (*found.whole[:1], *(tile[0] for tile in found.tiles))
    if not hashes:
        raise BankError(f"The picture is too flat to be recognized (quality {found.quality}, {MIN_QUALITY} needed).")
    return Banked(checked_name(bank), tuple(each.hex for each in hashes), reason)


def read_hashes(text: str, bank: str, reason: str) -> list[Banked]:
    """Known pictures from CSV: a hash first in each line; a header, empty lines and further columns do not matter.

    A column `quality` is heeded: hashes below 50 are left out. Raises BankError, which quotes the line.
    """
    rows = [row for row in csv.reader(io.StringIO(text)) if any(cell.strip() for cell in row)]
    header = [cell.strip().lower() for cell in rows[0]] if rows and not _digits(rows[0]) else []
    quality = header.index("quality") if "quality" in header else None
    kept = []
    for row in rows[1:] if header else rows:
        digits = _digits(row)
        if digits is None:
            raise BankError(f"This line does not begin with a PDQ hash, 64 hexadecimal digits: {','.join(row)!r}.")
        if quality is None or _quality(row, quality) >= MIN_QUALITY:
            kept.append(Banked(checked_name(bank), (digits,), reason))
    return kept


def _digits(row: Sequence[str]) -> str | None:
    digits = row[0].strip().lower()
    return digits if _HEX.fullmatch(digits) else None


def _quality(row: Sequence[str], column: int) -> int:
    try:
        return int(row[column])
    except (IndexError, ValueError):
        raise BankError(f"This line has no whole number as its quality: {','.join(row)!r}.") from None


def packaged() -> list[Banked]:
    """The bank that comes with the product: its test pattern, so that matching can be tried by anyone."""
    text = files("safety").joinpath("test_pattern.csv").read_text(encoding="utf-8")
    hashes = tuple(line.strip() for line in text.splitlines() if line.strip())
    return [Banked("test_pattern", hashes, "The product's own test pattern.")]


class HashBanks:
    """Every bank, ready to be searched: 32 ms for 1,000 pictures with their tiles, 160 ms for 10,000, on one core."""

    def __init__(self, entries: Iterable[Banked]) -> None:
        by_bank: dict[str, list[str]] = {}
        for entry in entries:
            by_bank.setdefault(entry.bank, []).extend(entry.hashes)
        self._banks = {bank: HashIndex(hashes) for bank, hashes in sorted(by_bank.items())}

    def likeness(self, found: TiledHash) -> dict[str, float]:
        """By bank: how many of 256 bits the most similar pair of hashes has in common, exact for copies (225 or more).

        Of less similar pictures it may be less than that, down to 0.
        """
        sought = [turned.hex for hashes in (found.whole, *found.tiles) for turned in hashes]
        return {bank: float(known.closest(sought)) for bank, known in self._banks.items()}


class BankSource:
    """`banks.NAME`: by how many of 256 bits each view is like the most similar picture of the bank."""

    name = "banks"
    version = "pdq-1"

    def __init__(self, banks: HashBanks) -> None:
        self._banks = banks

    def measure(self, evidence: Evidence) -> Scores:
        """See SignalSource."""
        return {view: self._banks.likeness(tiled_hash(image)) for view, image in evidence.images.items()}
