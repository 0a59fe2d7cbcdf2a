"""What the watermark's benchmark asks of a scheme, and this product's own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from PIL import Image

from safety import watermark
from safety.errors import MarkError
from safety.mark_keys import MarkKeys


class Scheme(Protocol):
    """A way to mark RGB pictures."""

    @property
    def name(self) -> str:
        """The column's title."""
        ...

    def embed(self, image: Image.Image, number: int) -> tuple[Image.Image, object]:
        """The marked picture, and what `read` must give for it; which bits go in follows from `number`."""
        ...

    def read(self, image: Image.Image, searched: bool) -> object:
        """What is found, None for nothing; through other geometries too if `searched` and the scheme can."""
        ...

    def right(self, found: object, expected: object) -> float:
        """The share of bits that are right, 0 to 1; half of them are by chance."""
        ...


@dataclass(frozen=True, slots=True)
class Ours:
    """safety.watermark as it is."""

    keys: MarkKeys
    name: str = "inpaintd"

    def embed(self, image: Image.Image, number: int) -> tuple[Image.Image, object]:
        """Marked, and the id. A picture that is refused comes back as it was: then nothing will be read from it."""
        try:
            marked, mark = watermark.embed(image, self.keys, rng_seed=b"bench %d" % number)
        except MarkError:
            return image, "refused"
        return marked, mark.id

    def read(self, image: Image.Image, searched: bool) -> object:
        """The id, or None."""
        found = watermark.detect(image, self.keys, searched=searched)
        return found.id if found else None

    def right(self, found: object, expected: object) -> float:
        """All or nothing: bits that are not signed are not given out."""
        return 1.0 if found == expected else 0.5
