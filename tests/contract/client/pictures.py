"""Files to send."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.contract.api.serving import mask, photo


@dataclass(frozen=True)
class Pictures:
    """Where they lie."""

    image: Path
    mask: Path


@pytest.fixture
def pictures(tmp_path: Path) -> Pictures:
    """A picture and its mask."""
    found = Pictures(tmp_path / "photo.png", tmp_path / "mask.png")
    found.image.write_bytes(photo())
    found.mask.write_bytes(mask())
    return found
