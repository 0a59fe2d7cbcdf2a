"""What a marked picture looks like, coarsely, so that a mark copied onto another picture is told from its own.

PDQ knows a whole picture again, and is lost at a 10% crop. So brightness is kept as well, in cells of which 16 make up
the short side: a crop, a screenshot with its surroundings or a scaled copy is laid over them at every place, and the
slopes of brightness from cell to cell are compared where both overlap. Slopes do not mind a change of brightness, and
unlike brightness itself they have little in common between two pictures of, say, sky above land. Each cell has about
one vote however steep it is, so that a repainted quarter costs a quarter.

The cells show about as much as a stamp seen across a room: no face can be recognized in them.
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from safety.hashes import pdq

Floats = NDArray[np.float64]
Box = tuple[int, int, int, int]

SHORT_CELLS, MOST_CELLS = 16, 128
"""Cells along the short side, and at most along the long one."""
_PARTS = 4
"""Pictures are tried at every quarter of a cell."""
_FLOOR = 4.0
"""A slope of so many levels of 255 a cell has half a vote: less may be noise."""
_FEWEST_VOTES = 0.2
"""Mean square of the votes below which a picture is too even to tell: noise has 0.16, the flattest photograph 0.24."""
_FITS, _STRANGE, _CHANCE, _SURE = 0.7, 0.55, 6.5, 10.0
"""Measured on 53 varied pictures: of 270 pairs of strangers 90% score below 0.48 (99%: 0.74, the rest being smooth
ramps) and 4.0 in the middle against chance (90%: 5.1, 99%: 7.25). A picture against itself scores 0.7 or more and 7 or
more after JPEG 30, crops of 33 and 50%, screenshots with or without what surrounded it, and scaling; with a quarter of
it repainted 0.41 to 0.6, but 7.5 or more against chance."""
_FINE = tuple((down, across) for down in range(_PARTS) for across in range(_PARTS))
_ROUGH = ((0, 0), (_PARTS // 2, _PARTS // 2))
_FINALISTS = 5
"""Of many scales, so many are tried at every quarter of a cell, after a rough look at all."""
_LEAST_CELLS = 36
_LEAST_SHARE = 0.5
_LARGEST_SIDE = 1024


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """`pdq` as in safety.hashes, with its quality; `cells` is the mean luma of `rows` x `columns` cells, in hex."""

    pdq: str
    pdq_quality: int
    rows: int
    columns: int
    cells: str

    def as_dict(self) -> dict[str, Any]:
        """For a record."""
        return asdict(self)

    @classmethod
    def from_dict(cls, kept: Mapping[str, Any]) -> "Fingerprint":
        """From a record."""
        return cls(**kept)


@dataclass(frozen=True, slots=True)
class Placement:
    """Where a picture lies in the one that was fingerprinted, and how well it fits there.

    `score` is 1 where all slopes agree and about 0 where none do; `against_chance` says by how many standard deviations
    of random slopes they agree. A point of the fingerprinted picture, in shares of
    its width and height, is at `left + x * width`, `top + y * height` in the other, in pixels.
    """

    score: float
    against_chance: float
    left: float
    top: float
    width: float
    height: float

    @property
    def fits(self) -> bool | None:
        """Whether it is the same picture; None where it may as well be as not."""
        if self.score >= _FITS or self.against_chance >= _SURE:
            return True
        return False if self.score < _STRANGE and self.against_chance < _CHANCE else None

    def box(self, box: Box, size: tuple[int, int], within: tuple[int, int]) -> Box | None:
        """`box` of the fingerprinted picture of `size` in pixels of the other; None where that, `within`, ends."""
        across, down = self.width / size[0], self.height / size[1]
        left, right = (min(max(round(self.left + x * across), 0), within[0]) for x in (box[0], box[2]))
        top, bottom = (min(max(round(self.top + y * down), 0), within[1]) for y in (box[1], box[3]))
        return (left, top, right, bottom) if left < right and top < bottom else None


def fingerprint(image: Image.Image) -> Fingerprint:
    """The fingerprint of a picture of any mode and size."""
    cell = max(min(image.size) / SHORT_CELLS, max(image.size) / MOST_CELLS)
    columns, rows = (max(round(side / cell), 1) for side in image.size)
    cells = image.convert("RGB").convert("L").resize((columns, rows), Image.Resampling.BOX)
    whole = pdq(image)
    return Fingerprint(whole.hex, whole.quality, rows, columns, cells.tobytes().hex())


def place(image: Image.Image, known: Fingerprint, size: tuple[int, int], scales: Iterable[float]) -> Placement | None:
    """Where `image` fits best into the picture of `size` (width, height in pixels) that has the fingerprint `known`.

    `scales` are the sizes to try, in pixels of `image` for a pixel of the other. None where too little is to be seen:
    both are flat where they overlap, or hardly overlap.
    """
    theirs = _slopes(np.frombuffer(bytes.fromhex(known.cells), np.uint8).reshape(known.rows, known.columns))
    luma = image.convert("RGB").convert("L")
    luma.thumbnail((_LARGEST_SIDE, _LARGEST_SIDE), Image.Resampling.BOX)
    tries = list(scales)
    if len(tries) > _FINALISTS:
        rough = [(_placed(image.size, luma, theirs, known, size, scale, _ROUGH), scale) for scale in tries]
        ranked = sorted(((one.score, scale) for one, scale in rough if one is not None), reverse=True)
        tries = [scale for _, scale in ranked[:_FINALISTS]]
    found = (_placed(image.size, luma, theirs, known, size, scale, _FINE) for scale in tries)
    return max((one for one in found if one is not None), key=lambda one: one.score, default=None)


def _placed(
    image_size: tuple[int, int],
    luma: Image.Image,
    theirs: NDArray[np.complex128],
    known: Fingerprint,
    size: tuple[int, int],
    scale: float,
    phases: Sequence[tuple[int, int]],
) -> Placement | None:
    cell = size[0] / known.columns * scale, size[1] / known.rows * scale
    parts = round(_PARTS * image_size[0] / cell[0]), round(_PARTS * image_size[1] / cell[1])
    if min(parts) < 3 * _PARTS or max(parts) > _PARTS * 4 * MOST_CELLS:
        return None
    fine = np.asarray(luma.resize(parts, Image.Resampling.BOX), np.float64)
    best = max(_tried(fine, theirs, phases), default=None)
    if best is None:
        return None
    score, chance, down, across = best
    # Whole parts, so a cell is not quite as large as it was asked for.
    part = image_size[0] / parts[0], image_size[1] / parts[1]
    left, top = across * part[0], down * part[1]
    return Placement(score, chance, left, top, known.columns * _PARTS * part[0], known.rows * _PARTS * part[1])


def _tried(
    fine: Floats, theirs: NDArray[np.complex128], phases: Sequence[tuple[int, int]]
) -> Iterator[tuple[float, float, int, int]]:
    """What `_best` finds in each phase, with the place of their top left corner in parts of a cell."""
    for down, across in phases:
        cells = _cells(fine[down:, across:])
        if min(cells.shape) < 3:
            continue
        best = _best(_slopes(cells), theirs)
        if best is not None:
            score, chance, row, column = best
            yield score, chance, down - row * _PARTS, across - column * _PARTS


def _cells(fine: Floats) -> Floats:
    rows, columns = fine.shape[0] // _PARTS, fine.shape[1] // _PARTS
    whole = fine[: rows * _PARTS, : columns * _PARTS]
    means: Floats = whole.reshape(rows, _PARTS, columns, _PARTS).mean(axis=(1, 3))
    return means


def _slopes(cells: NDArray[Any]) -> NDArray[np.complex128]:
    """The slope to the right and downwards as one complex number for each cell but the last of a row or column."""
    grey = cells.astype(np.float64)
    slope: NDArray[np.complex128] = (grey[:-1, 1:] - grey[:-1, :-1]) + 1j * (grey[1:, :-1] - grey[:-1, :-1])
    votes: NDArray[np.complex128] = slope / (np.abs(slope) + _FLOOR)
    return votes


def _best(ours: NDArray[np.complex128], theirs: NDArray[np.complex128]) -> tuple[float, float, int, int] | None:
    """The best correlation over all shifts, what it is against chance, and where in theirs our first cell lies."""
    shape = tuple(a + b - 1 for a, b in zip(ours.shape, theirs.shape, strict=True))
    ones, there = np.ones(ours.shape), np.ones(theirs.shape)
    mine, yours = np.abs(ours) ** 2, np.abs(theirs) ** 2
    count, energies = _sums(ones, there, shape), (_sums(mine, there, shape), _sums(ones, yours, shape))
    least = max(_LEAST_CELLS, _LEAST_SHARE * min(ours.size, theirs.size))
    enough = (count > least - 0.5) & (np.minimum(*energies) > count * _FEWEST_VOTES)
    if not enough.any():
        return None
    agreed = _sums(ours, theirs, shape)
    score = np.where(enough, agreed / np.sqrt(np.where(enough, energies[0] * energies[1], 1)), -1.0)
    place = np.unravel_index(np.argmax(score), score.shape)
    # Random slopes would agree by nothing, with this variance: of each product, half is real.
    variance = max(_sums(mine, yours, shape)[place] / 2, 1.0)
    row, column = (
        int(at) if at < size else int(at) - whole for at, size, whole in zip(place, theirs.shape, shape, strict=True)
    )
    return float(score[place]), float(agreed[place] / math.sqrt(variance)), row, column


def _sums(ours: NDArray[Any], theirs: NDArray[Any], shape: tuple[int, ...]) -> Floats:
    """For each shift of ours against theirs the sum of products where they overlap; negative shifts come last."""
    found = np.fft.ifft2(np.fft.fft2(theirs, shape) * np.conj(np.fft.fft2(ours, shape)))
    real: Floats = found.real
    return real


def spread(least: float, most: float, step: float = 1.06) -> list[float]:
    """Scales from `least` to `most`, each larger by the same factor of about `step`."""
    count = max(math.ceil(math.log(most / least) / math.log(step)), 1)
    return [least * (most / least) ** (index / count) for index in range(count + 1)]
