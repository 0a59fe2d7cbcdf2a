"""What measures the pictures of every model's jobs: the banks of known pictures, faces, print, origin."""

from __future__ import annotations

import threading
import time

import structlog

from safety.authority import Authority
from safety.banks import Banked, BankSource, HashBanks, packaged
from safety.evidence import Evidence, Scores, SignalSource
from safety.faces import FaceSource
from safety.origin import OriginSource
from safety.text_areas import TextSource
from storage.database import Database
from storage.errors import DatabaseUnavailable
from storage.hash_bank_store import HashBankStore

log = structlog.get_logger(__name__)

FRESH_SECONDS = 20.0
STALE_SECONDS = 600.0


def open_sources(database: Database, authority: Authority) -> tuple[SignalSource, ...]:
    """All of them. The banks are read when they are first needed."""
    return BanksInUse(HashBankStore(database)), FaceSource(), TextSource(), OriginSource(authority.root_pem)


class BanksInUse:
    """The banks as they are in SQL, at most 20 seconds old, or 10 minutes while SQL is away; see BankSource."""

    name = BankSource.name
    version = BankSource.version

    def __init__(self, store: HashBankStore) -> None:
        self._store = store
        self._reading = threading.Lock()
        self._source: BankSource | None = None
        self._edition: tuple[int, str] | None = None
        self._read_at = 0.0

    def measure(self, evidence: Evidence) -> Scores:
        """See SignalSource. Raises DatabaseUnavailable where the banks at hand are missing or too old."""
        return self._current().measure(evidence)

    def _current(self) -> BankSource:
        with self._reading:
            age = time.monotonic() - self._read_at
            if self._source is None or age > FRESH_SECONDS:
                try:
                    self._source = self._read()
                except DatabaseUnavailable as problem:
                    if self._source is None or age > STALE_SECONDS:
                        raise
                    log.warning("banks_not_read", age=round(age), error=str(problem))
            return self._source

    def _read(self) -> BankSource:
        edition, began = self._store.edition(), time.monotonic()
        source = self._source
        if source is None or edition != self._edition:
            known = (Banked(entry.bank, entry.hashes, entry.reason) for entry in self._store.all())
            source = BankSource(HashBanks([*packaged(), *known]))
            log.info("banks_read", pictures=edition[0])
        self._edition, self._read_at = edition, began
        return source
