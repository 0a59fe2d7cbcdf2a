"""Where bytes are kept: the object store, and the room on disks of this machine."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path

from producer.doctor.finding import Finding, Outcome, found
from storage.object_store import open_object_store
from storage.server import file_of
from storage.settings import StorageSettings, folder_of

LOW_DISK_BYTES, NO_DISK_BYTES = 5 * 10**9, 200 * 10**6


def examine_objects(storage: StorageSettings) -> Iterator[Finding]:
    """Whether an object can be written, read and deleted. Nothing stays."""
    yield found("objects", lambda: _try_objects(storage), "see INPAINTD_OBJECTS and the INPAINTD_S3_ settings")


def examine_disks(storage: StorageSettings) -> Iterator[Finding]:
    """Room for objects and database, where they lie on this machine."""
    if storage.objects.startswith("file:///"):
        yield _check_disk("disk", folder_of(storage.objects), "INPAINTD_OBJECTS")
    database = file_of(storage.database_url)
    if database is not None:
        yield _check_disk("disk of the database", database.parent, "INPAINTD_DATABASE_URL")


def _try_objects(storage: StorageSettings) -> str:
    objects, key, data = open_object_store(storage), f"inputs/doctor/{secrets.token_hex(8)}", b"probe"
    objects.ping()
    objects.put(key, data, "application/octet-stream")
    try:
        if objects.get(key) != data:
            raise OSError("what was written does not read back")
    finally:
        objects.delete(key)
    return "writing, reading and deleting work"


def _check_disk(what: str, folder: Path, setting: str) -> Finding:
    try:
        free = shutil.disk_usage(folder).free
    except OSError as error:
        return Finding(what, Outcome.FAIL, f"{folder} cannot be examined ({error.strerror}); see {setting}.")
    text = f"{free / 1e9:.1f} GB free"
    if free >= LOW_DISK_BYTES:
        return Finding(what, Outcome.OK, text)
    outcome = Outcome.WARN if free >= NO_DISK_BYTES else Outcome.FAIL
    return Finding(what, outcome, f"{text}; make room in {folder} before nothing can be stored any more")
