"""The folder of an embedded stack: where everything lies, its secrets, and the lock that keeps it to one stack."""

from __future__ import annotations

import fcntl
import os
import secrets
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO
from urllib.parse import quote

from producer.local_errors import FolderBusy, LocalStackError


@dataclass(slots=True)
class StackFolder:
    """Paths below `root`, which is absolute. Take the lock before anything else is touched."""

    root: Path
    _lock: IO[str] | None = field(default=None, init=False, repr=False)

    @property
    def database_url(self) -> str:
        """The SQLite database."""
        return f"sqlite:///{quote(str(self.root / 'inpaintd.db'))}"

    @property
    def objects_url(self) -> str:
        """The folder of the object store."""
        return f"file://{self.root / 'objects'}"

    @property
    def credentials(self) -> Path:
        """The signing keys of results."""
        return self.root / "credentials"

    @property
    def redis(self) -> Path:
        """The working folder of Redis."""
        return self.root / "redis"

    @property
    def key_file(self) -> Path:
        """The admin's API key."""
        return self.root / "admin.key"

    def log(self, name: str) -> Path:
        """The log file of a program."""
        return self.root / "logs" / f"{name}.log"

    def secret(self, name: str) -> str:
        """The secret called `name`, made at first use and kept from then on."""
        path = self.root / f"{name}.secret"
        if not path.exists():
            write_private(path, secrets.token_urlsafe(32))
        return path.read_text().strip()

    def take(self) -> None:
        """Makes the folder and locks it. Raises FolderBusy, LocalStackError."""
        try:
            # Pictures and keys: for the owner's eyes. A folder that is there already keeps its mode.
            self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
            for folder in (self.root / "logs", self.redis):
                folder.mkdir(exist_ok=True)
            lock = (self.root / "stack.lock").open("w")
        except OSError as problem:
            raise LocalStackError(f"{self.root} cannot be used ({problem}); choose a folder of your own.") from problem
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
            raise FolderBusy(f"Another inpaintd runs in {self.root}; stop it first or choose another folder.") from None
        self._lock = lock

    def release(self) -> None:
        """Gives the lock back."""
        if self._lock is not None:
            self._lock.close()
            self._lock = None


def write_private(path: Path, text: str) -> None:
    """Writes `text` and a line end to `path`, readable by its owner alone, whole or not at all."""
    temporary = path.with_suffix(".tmp")
    temporary.unlink(missing_ok=True)
    with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(f"{text}\n")
    temporary.replace(path)
