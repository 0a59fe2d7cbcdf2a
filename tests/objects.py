"""What an object store holds, for tests."""

from __future__ import annotations

from storage.object_store import ObjectStore


def keys(objects: ObjectStore, folder: str = "") -> list[str]:
    """The keys in that folder (all of them without one), sorted."""
    return sorted(entry.key for entry in objects.entries(folder))
