"""What an image classifier looks like to the checks. Knows no model and no torch."""

from collections.abc import Sequence
from typing import Protocol

from PIL.Image import Image


class ImageClassifier(Protocol):
    """Anything that gives named scores to images.

    `name` is how the policy refers to it; `version` goes into the audit record.
    """

    @property
    def name(self) -> str: ...

    @property
    def version(self) -> str: ...

    def scores(self, images: Sequence[Image]) -> list[dict[str, float]]:
        """One mapping of concept to score per image, in order. May raise anything: the checks fail closed."""
        ...
