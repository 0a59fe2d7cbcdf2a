"""Which known pictures a case's pictures are like."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from PIL import Image

from safety.banks import COPY, packaged
from safety.hash_index import BITS, HashIndex
from safety.hash_tiles import tiled_hash
from storage.errors import ObjectMissing
from storage.hash_bank_store import BankEntry, HashBankStore
from storage.job import Job
from storage.object_store import ObjectStore
from storage.pictures import PictureError, open_picture

MOST = 10


@dataclass(frozen=True, slots=True)
class Likeness:
    """A picture of the case (`input`, `result-0`) that is a copy of a known one, or of a part of it.

    `bits` of 256 agree, 225 or more. `entry` is None for what comes with the product.
    """

    picture: str
    bank: str
    bits: int
    reason: str
    entry: BankEntry | None


def similar(job: Job, objects: ObjectStore, banks: HashBankStore) -> list[Likeness]:
    """The most similar known pictures, at most MOST, by likeness. Raises ObjectStoreUnavailable."""
    known = banks.all()
    found: list[Likeness] = []
    for name, hashes in _sought(job, objects):
        found += [Likeness(name, e.bank, bits, e.reason, e) for e, bits in _copies(known, hashes)]
        for ours in packaged():
            bits = HashIndex(ours.hashes).closest(hashes)
            found += [Likeness(name, ours.bank, bits, ours.reason, None)] if bits >= COPY else []
    return sorted(found, key=lambda one: -one.bits)[:MOST]


def _sought(job: Job, objects: ObjectStore) -> Iterator[tuple[str, list[str]]]:
    keys = {"input": job.image_key} | {f"result-{image.index}": image.key for image in job.images}
    for name, key in keys.items():
        try:
            hashed = tiled_hash(Image.fromarray(open_picture(objects.get(key)).rgb))
        except (ObjectMissing, PictureError):
            continue
        yield name, [turned.hex for hashes in (hashed.whole, *hashed.tiles) for turned in hashes]


def _copies(known: list[BankEntry], hashes: list[str]) -> Iterable[tuple[BankEntry, int]]:
    """Only where the whole bank has a copy is it looked at one by one."""
    everything = [each for entry in known for each in entry.hashes]
    if not everything or not hashes or HashIndex(everything).closest(hashes) < COPY:
        return []
    compared = ((entry, HashIndex(entry.hashes).closest(hashes)) for entry in known)
    return [(entry, min(bits, BITS)) for entry, bits in compared if bits >= COPY]
