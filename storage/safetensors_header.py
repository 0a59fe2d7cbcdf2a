"""What a .safetensors file says about itself in its first bytes: names and shapes, without loading a weight.

The format: 8 bytes little-endian length, then so many bytes of JSON. https://github.com/huggingface/safetensors
"""

from __future__ import annotations

import json
from pathlib import Path

MAX_HEADER_BYTES = 100_000_000
"""The format's own limit."""


def read_shapes(path: Path) -> dict[str, list[int]]:
    """The shape of every tensor in the file by its name. Raises OSError, and ValueError for any other kind of file."""
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if not 2 <= length <= MAX_HEADER_BYTES:
            raise ValueError("not a safetensors file")
        header = json.loads(file.read(length))
    if not isinstance(header, dict):
        raise ValueError("not a safetensors file")
    return {
        name: list(entry["shape"]) for name, entry in header.items() if isinstance(entry, dict) and "shape" in entry
    }
