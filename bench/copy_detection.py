"""How well copies of banked pictures are recognized, beside PDQ of the whole alone, and how near strangers come.

    python -m bench.copy_detection

Pictures are those of the watermark's benchmark, without texts, flats and noise, which have too little to be told by.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial

from PIL import Image, ImageOps

from bench.watermark_attacks import brighter, cropped, jpeg, scaled, screenshot
from bench.watermark_pictures import Sample, samples
from safety.banks import COPY, Banked, HashBanks, bank_picture
from safety.hash_index import BITS
from safety.hash_tiles import tiled_hash

KINDS = ("photograph", "texture", "dark", "bright", "drawing")
CORNERS = ((0.0, 0.0), (0.5, 0.5), (1.0, 1.0), (0.37, 0.71))


def main() -> None:
    """Prints a table of recall and the figures of strangers and of time."""
    banked = {s.name: bank(s) for s in samples(pocket=False) if s.kind in KINDS}
    pictures = {s.name: s.image for s in samples(pocket=False) if s.name in banked}
    print(f"{len(banked)} pictures\n\n| what was done | with tiles | whole picture only |\n|---|---|---|")
    for row, changes in attacks().items():
        tiled, whole = tally(banked, pictures, changes)
        print(f"| {row} | {tiled:.0%} | {whole:.0%} |")
    nearest = strangers(banked, pictures)
    print(f"\nnearest stranger: {BITS - nearest[0]:.0f} bits of {BITS} ({nearest[1]} and {nearest[2]}); 31 is a copy")
    print(f"hashing with tiles: {milliseconds(pictures):.0f} ms a picture of 512 pixels, one core, median")


def bank(sample: Sample) -> Banked:
    """The picture as an operator banks it, in a bank of its own."""
    return replace(bank_picture("known", sample.image, "benchmark"), bank=sample.name)


def attacks() -> dict[str, list[Callable[[Image.Image], Image.Image]]]:
    """By row of the table: every variant of a change."""
    return {
        "JPEG 50, half size": [lambda image: jpeg(50, scaled(0.5, image))],
        "30% brighter": [partial(brighter, 1.3)],
        "mirrored, turned": [ImageOps.mirror, lambda image: image.transpose(Image.Transpose.ROTATE_90)],
        **{f"crop {share:.0%}": [partial(cropped, share, at) for at in CORNERS] for share in (0.1, 0.2, 0.33, 0.5)},
        "a strip of 15% off one side": [partial(strip, side) for side in range(4)],
        "crop 20%, mirrored, half size, JPEG 60": [
            lambda image: jpeg(60, scaled(0.5, ImageOps.mirror(cropped(0.2, (0.37, 0.71), image))))
        ],
        "screenshot": [lambda image: screenshot(1.0, image)[0]],
    }


def strip(side: int, image: Image.Image) -> Image.Image:
    """Without 15% at the left, top, right or bottom."""
    box = [0, 0, image.width, image.height]
    box[side] += round((1 if side < 2 else -1) * 0.15 * (image.width, image.height)[side % 2])
    return image.crop((box[0], box[1], box[2], box[3]))


def tally(
    banked: dict[str, Banked], pictures: dict[str, Image.Image], changes: list[Callable[[Image.Image], Image.Image]]
) -> tuple[float, float]:
    """The share of changed pictures that are found: by all hashes, and by those of the whole picture alone."""
    tiled, whole = [], []
    for name, entry in banked.items():
        banks, plain = HashBanks([entry]), HashBanks([Banked("whole", entry.hashes[:1], "")])
        for change in changes:
            found = tiled_hash(change(pictures[name]))
            tiled.append(banks.likeness(found)[name] >= COPY)
            whole.append(plain.likeness(replace(found, tiles=()))["whole"] >= COPY)
    return statistics.mean(tiled), statistics.mean(whole)


def strangers(banked: dict[str, Banked], pictures: dict[str, Image.Image]) -> tuple[float, str, str]:
    """The likeness of the two most similar pictures of different scenes, and which they are."""
    banks = HashBanks(banked.values())
    pairs = [
        (score, name, other)
        for name, image in pictures.items()
        for other, score in banks.likeness(tiled_hash(image)).items()
        if scene(name) != scene(other)
    ]
    return max(pairs)


def scene(name: str) -> str:
    """Parts and shades of one photograph are copies of each other, not strangers."""
    return name.split(",")[0].split("'")[0]


def milliseconds(pictures: dict[str, Image.Image]) -> float:
    """The median processor time of hashing one picture with its tiles."""
    spent = []
    for image in pictures.values():
        began = time.process_time()
        tiled_hash(image)
        spent.append(time.process_time() - began)
    return 1000 * statistics.median(spent)


if __name__ == "__main__":
    main()
