"""Keeps the audit record: seals new records into the chain, and erases columns whose time is over."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from functools import partial

import structlog

from producer.keeper.keeper import Duty
from storage.audit_store import PAGE, AuditStore

log = structlog.get_logger(__name__)

SEAL_SECONDS = 2.0
ERASE_SECONDS = 600.0


def sealing(store: AuditStore, stop: threading.Event) -> Duty:
    """The duty of sealing. Each new head goes into the log: kept elsewhere, it fixes everything up to it."""

    def seal() -> int:
        sealed = _in_pages(store.seal, stop)
        if sealed:
            head = store.head()
            log.info("audit_sealed", records=sealed, seq=head.seq, hash=head.hash)
        return sealed

    return Duty("seal_audit", SEAL_SECONDS, seal)


def erasing_columns(store: AuditStore, days: Mapping[str, float | None], stop: threading.Event) -> Duty:
    """The duty of emptying each column of the record that is older than its `days`; None keeps it for ever."""

    def erase() -> int:
        erased = 0
        for column, kept in days.items():
            if kept is not None:
                erased += _in_pages(partial(store.erase, column, older_than_days=kept), stop)
        return erased

    return Duty("erase_audit", ERASE_SECONDS, erase)


def _in_pages(work: Callable[[], int], stop: threading.Event) -> int:
    """Does it until a page comes back that is not full."""
    done = 0
    while not stop.is_set():
        count = work()
        done += count
        if count < PAGE:
            break
    return done
