"""What a .safetensors file says about itself in its first bytes: names and shapes, without loading a weight.

The format: 8 bytes little-endian length, then so many bytes of JSON. https://github.com/huggingface/safetensors
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

MAX_HEADER_BYTES = 100_000_000
"""The format's own limit."""


def read_shapes(path: Path) -> dict[str, list[int]]:
    """The shape of every tensor in the file by its name. Raises OSError, and ValueError for any other kind of file."""
    return {name: list(entry["shape"]) for name, entry in _tensors(path)[1].items()}


def missing_bytes(path: Path) -> int:
    """By how much the file is shorter than its header says; 0 for a whole one. Raises as `read_shapes`."""
    begins, tensors = _tensors(path)
    ends = [entry["data_offsets"][1] for entry in tensors.values() if "data_offsets" in entry]
    return max(0, begins + max(ends, default=0) - path.stat().st_size)


def _tensors(path: Path) -> tuple[int, dict[str, Any]]:
    """Where the weights begin in the file, and the entry of each tensor."""
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if not 2 <= length <= MAX_HEADER_BYTES:
            raise ValueError("not a safetensors file")
        header = json.loads(file.read(length))
    if not isinstance(header, dict):
        raise ValueError("not a safetensors file")
    tensors = {name: entry for name, entry in header.items() if isinstance(entry, dict) and "shape" in entry}
    return 8 + length, tensors
