"""The hash of a model's files, and the pins that settings put on them: `/models/photo@sha256:<64 hex digits>`."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from pathlib import Path

MARK = "@sha256:"


def split_pin(source: str) -> tuple[str, str | None]:
    """A model's source without its pin, and the pin in lower case, or None. Raises ValueError for an odd one."""
    plain, mark, pin = source.partition(MARK)
    if not mark:
        return source, None
    if not plain or re.fullmatch(r"[0-9a-fA-F]{64}", pin) is None:
        raise ValueError(f"{source!r} must end in {MARK} and 64 hexadecimal digits; `inpaintd models hash` prints them")
    return plain, pin.lower()


def model_hash(path: Path) -> str:
    """Hex SHA-256 of a file, or over all files of a folder, configuration and vocabulary included.

    Files and folders whose names begin with a dot do not count: no library loads them. Raises OSError.
    """
    if not path.is_dir():
        return file_sha256(path)
    found = (file for file in path.rglob("*") if file.is_file())
    return fingerprint(path, [file for file in found if not _is_hidden(file.relative_to(path))])


def file_sha256(path: Path) -> str:
    """Hex SHA-256 of one file."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def fingerprint(root: Path, files: Iterable[Path]) -> str:
    """Hex SHA-256 over `relative path NUL hex SHA-256 LF` of each file, sorted by path."""
    total = hashlib.sha256()
    for path in sorted(files):
        total.update(f"{path.relative_to(root).as_posix()}\0{file_sha256(path)}\n".encode())
    return total.hexdigest()


def _is_hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)
