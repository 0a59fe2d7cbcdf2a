"""Walking the chain of the audit record: what was checked, and the first record that is not as it was sealed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from storage.audit_chain import GENESIS, commitments_of, hash_of
from storage.audit_store import AuditStore, Head, Record
from storage.audit_tables import CLASSES


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong at one place of the chain, in a sentence for an operator."""

    seq: int
    sentence: str


@dataclass(slots=True)
class Report:
    """What a walk found. `checked` records are as they were sealed; `erased` counts emptied columns by name."""

    head: Head
    unsealed: int
    checked: int = 0
    erased: Counter[str] = field(default_factory=Counter)
    fault: Fault | None = None


def verify(store: AuditStore, anchor: Head | None = None) -> Report:
    """Walks the chain up to its head; `anchor` is an earlier head that was kept elsewhere. Stops at the first fault.

    Raises AuditHeadMissing, DatabaseUnavailable.
    """
    # The head first: what is sealed during the walk lies beyond it and is left for the next.
    report = Report(store.head(), store.unsealed())
    walk = _Walk(report, anchor)
    for page in store.pages():
        report.fault = walk.take(page)
        if report.fault is not None:
            return report
        if report.checked >= report.head.seq:
            break
    report.fault = walk.end(store.beyond_head())
    return report


class _Walk:
    def __init__(self, report: Report, anchor: Head | None) -> None:
        self._report = report
        self._anchor = anchor
        self._last: Record | None = None

    def take(self, records: Iterable[Record]) -> Fault | None:
        for record in records:
            if self._report.checked >= self._report.head.seq and record.seq == self._report.checked + 1:
                return None
            fault = self._number(record) or _content(record) or self._link(record) or self._anchored(record)
            if fault is not None:
                return fault
            self._report.checked += 1
            self._report.erased.update(record.erased)
            self._last = record
        return None

    def end(self, beyond: int | None) -> Fault | None:
        """What only shows at the end: a chain that is longer or shorter than its head says."""
        head, checked = self._report.head, self._report.checked
        if checked < head.seq:
            several = (
                f"Records {checked + 1} to {head.seq} were" if head.seq > checked + 1 else f"Record {head.seq} was"
            )
            return Fault(checked + 1, f"{several} removed from the end of the chain.")
        if self._hash != head.hash:
            return Fault(head.seq, f"Record {head.seq} is not the one that the head names: it or the head was changed.")
        if beyond is not None:
            return Fault(beyond, f"Record {beyond} was inserted: it lies beyond the head of the chain.")
        if self._anchor is not None and self._anchor.seq > checked:
            missing = f"The anchor knows {self._anchor.seq} records and there are {checked}: the others were removed."
            return Fault(checked + 1, missing)
        return None

    @property
    def _hash(self) -> str:
        return GENESIS if self._last is None or self._last.hash is None else self._last.hash

    def _number(self, record: Record) -> Fault | None:
        expected, found = self._report.checked + 1, record.seq or 0
        if found > expected:
            return Fault(expected, f"{_named(expected, found - 1)} removed.")
        return None if found == expected else Fault(found, f"Record {found} ({record.id}) was inserted.")

    def _link(self, record: Record) -> Fault | None:
        if record.previous == self._hash:
            return None
        seq, last = self._report.checked + 1, self._last
        if last is not None and record.previous == last.previous:
            return Fault(seq - 1, f"Record {seq - 1} ({last.id}) was inserted: record {seq} follows the one before it.")
        return Fault(seq, f"Record {seq} ({record.id}) does not follow the one before it: a record was removed there.")

    def _anchored(self, record: Record) -> Fault | None:
        if self._anchor is None or record.seq != self._anchor.seq or record.hash == self._anchor.hash:
            return None
        return Fault(self._anchor.seq, f"Record {record.seq} is not the one of the anchor: the chain was written anew.")


def _named(first: int, last: int) -> str:
    return f"Record {first} was" if first == last else f"Records {first} to {last} were"


def _content(record: Record) -> Fault | None:
    """A column that differs from what was sealed, or a seal that differs from its own columns."""
    seq, held, found = record.seq or 0, record.commitments or {}, commitments_of(record.texts)
    for name in CLASSES:
        if found[name] is not None and found[name] != held.get(name):
            return Fault(seq, f"Record {seq} ({record.id}) was changed: its column `{name}` is not what was sealed.")
    sealed = hash_of(record.subject, record.id, record.at, held, record.previous or "")
    if sealed != record.hash:
        return Fault(seq, f"Record {seq} ({record.id}) was changed: its hash does not fit what it says.")
    return None
