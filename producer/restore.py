"""What a restored deployment has and lacks: rows held against objects, and the chain of the audit record."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from producer.keeper.orphans import Collector
from storage.audit_store import AuditStore, Head
from storage.audit_verify import Report, verify
from storage.database import Database
from storage.errors import ObjectMissing
from storage.inventory import Inventory, Named, Need
from storage.object_store import ObjectStore
from storage.retention_store import RetentionStore

# As many as the connections to a bucket allow to be of use.
AT_ONCE = 16
MOST_NAMED = 1000
# Nothing visible or accepted depends on the others.
GRAVE = (Need.RUN, Need.SHOW)


@dataclass(slots=True)
class Stock:
    """What was found. At most MOST_NAMED of each list are named; `count` counts all, by list and need."""

    states: dict[str, int]
    chain: Report
    erasures: list[str]
    missing: list[Named] = field(default_factory=list)
    changed: list[Named] = field(default_factory=list)
    extra: list[str] = field(default_factory=list)
    count: dict[str, int] = field(default_factory=dict)

    @property
    def is_whole(self) -> bool:
        """Whether every visible result and every input of an unfinished job is there, and the chain is unbroken."""
        grave = [f"{what} {need}" for what in ("missing", "changed") for need in GRAVE]
        return self.chain.fault is None and not any(self.count.get(name) for name in grave)

    def add(self, what: str, named: Named) -> None:
        """Notes one that is `missing` or `changed`."""
        found = self.missing if what == "missing" else self.changed
        self._count(f"{what} {named.need}")
        if len(found) < MOST_NAMED:
            found.append(named)

    def add_extra(self, key: str) -> None:
        """Notes an object that no row names."""
        self._count("extra")
        if len(self.extra) < MOST_NAMED:
            self.extra.append(key)

    def _count(self, name: str) -> None:
        self.count[name] = self.count.get(name, 0) + 1


def take_stock(database: Database, objects: ObjectStore, *, read: bool = False, anchor: Head | None = None) -> Stock:
    """Looks for everything that the rows name, and for what none names; changes nothing.

    `read` also reads what has a SHA-256 on record and compares. `anchor` is the end of the audit chain when the
    backup was made. Raises DatabaseUnavailable, ObjectStoreUnavailable, AuditHeadMissing.
    """
    inventory = Inventory(database)
    stock = Stock(inventory.states(), verify(AuditStore(database), anchor), inventory.erasures())
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for page in inventory.pages():
            for named, what in zip(page, pool.map(lambda one: _look(objects, one, read=read), page), strict=True):
                if what is not None:
                    stock.add(what, named)
    for key in _extra(database, objects):
        stock.add_extra(key)
    return stock


def _extra(database: Database, objects: ObjectStore) -> Iterator[str]:
    store = RetentionStore(database)
    collector = Collector(store, objects, 0.0, threading.Event())
    for page in collector.orphans(store.now()):
        yield from page


def _look(objects: ObjectStore, named: Named, *, read: bool) -> str | None:
    try:
        if not read or named.sha256 is None:
            objects.size(named.key)
            return None
        same = hashlib.sha256(objects.get(named.key)).hexdigest() == named.sha256
    except ObjectMissing:
        return "missing"
    return None if same else "changed"


def as_json(stock: Stock) -> dict[str, Any]:
    """The whole of it as JSON."""
    named = {
        what: [{"key": one.key, "need": one.need, "owner": one.owner} for one in found]
        for what, found in (("missing", stock.missing), ("changed", stock.changed))
    }
    fault = stock.chain.fault
    chain = {"records": stock.chain.checked, "fault": None if fault is None else fault.sentence}
    told = {"whole": stock.is_whole, "jobs": stock.states, "count": stock.count, "audit": chain}
    return told | {"erasures": stock.erasures} | named | {"extra": stock.extra}
