"""Pinned files are hashed before anything reads them: a checkpoint may be a pickle, and a folder names classes."""

from __future__ import annotations

from pathlib import Path

from storage.model_hash import MARK, model_hash, split_pin
from worker.errors import ModelUnusable


def check_pin(path: Path, pin: str | None) -> None:
    """Raises ModelUnusable unless the file or folder at `path` has the hash `pin`; None passes."""
    if pin is None:
        return
    try:
        found = model_hash(path)
    except OSError as problem:
        raise ModelUnusable(f"{path}: pinned and unreadable ({problem.strerror}); see path and owner") from problem
    if found != pin:
        raise ModelUnusable(
            f"{path}: these are not the files that were pinned: their hash is {found}, the setting says {pin}. "
            f"Nothing of them was loaded. Fetch them again from where you trust them; if the change is meant, write "
            f"{path}{MARK}{found} into the setting"
        )


def unpinned(source: str) -> str:
    """`source` of a folder or file on this machine without its pin, after it was checked. Raises ModelUnusable."""
    plain, pin = split_pin(source)
    check_pin(Path(plain), pin)
    return plain
