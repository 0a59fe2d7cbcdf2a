"""The right to erasure, with proof: everything of a job, an end-user or a tenant goes, and a receipt says what went.

The receipt is in the audit record, in the commits that empty the rows, so the chain vouches for it. It holds ids and
counts, no content.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from producer.errors import ErasureUnfinished
from storage.also import Row
from storage.audit import Decision, PolicyId, Stage
from storage.audit_rows import audit_row
from storage.audit_store import AuditStore, Record
from storage.audit_verify import verify
from storage.database import Database
from storage.erasure_store import Erasable, ErasureStore, Scope
from storage.ids import new_id
from storage.object_store import ObjectStore

PAGE = 500
LOOK_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class Receipt:
    """What an erasure did: `records` are those of the audit record that say so, each with its place in the chain."""

    id: str
    records: list[Record]

    @property
    def jobs(self) -> list[str]:
        """Ids of the jobs that were erased."""
        return [job_id for part in self._parts for job_id in part["jobs"]]

    @property
    def files(self) -> list[str]:
        """Ids of the uploaded files that were erased."""
        return [file_id for part in self._parts for file_id in part["files"]]

    @property
    def _parts(self) -> list[dict[str, Any]]:
        return [record.content["record"]["erased"] for record in self.records]

    def as_dict(self) -> dict[str, Any]:
        """JSON to be handed to whoever asked."""
        return {
            "erasure": self.id,
            "at": self.records[-1].at.isoformat(),
            "scope": self._parts[0]["scope"],
            "jobs": self.jobs,
            "files": self.files,
            "objects": sum(part["objects"] for part in self._parts),
            "objects_sha256": [part["objects_sha256"] for part in self._parts],
            "records": [{"id": one.id, "seq": one.seq, "hash": one.hash} for one in self.records],
        }


@dataclass(frozen=True, slots=True)
class Asked:
    """Who carries it out, and why, in their words. Both stay on record."""

    by: str
    reason: str


@dataclass(slots=True)
class _Part:
    """What goes with one commit."""

    jobs: list[Erasable] = field(default_factory=list)
    files: dict[str, str] = field(default_factory=dict)
    keys: list[str] = field(default_factory=list)


class Erasures:
    """Carries out erasures and checks that they hold."""

    def __init__(self, database: Database, objects: ObjectStore, policy: PolicyId) -> None:
        self._store = ErasureStore(database)
        self._audit = AuditStore(database)
        self._objects = objects
        self._policy = policy

    def run(self, scope: Scope, asked: Asked, *, wait_seconds: float = 60.0) -> Receipt:
        """Erases all of it and returns the receipt; safe to repeat, also after it was cut off.

        Raises ErasureUnfinished when a job still runs after `wait_seconds`, ObjectStoreUnavailable,
        DatabaseUnavailable.
        """
        self._stop(scope, wait_seconds)
        erasure, file_keys, after = new_id("era"), set[str](), ""
        while page := self._store.page(scope, after=after, limit=PAGE):
            file_keys.update(*(job.file_keys for job in page))
            self._erase(erasure, scope, asked, _Part(jobs=page))
            after = page[-1].id
        self._erase(erasure, scope, asked, _Part(files=self._store.files(scope, file_keys)))
        while self._audit.unsealed():
            self._audit.seal()
        return self.receipt(erasure)

    def receipt(self, erasure: str) -> Receipt:
        """The receipt as it stands on record. Raises ErasureUnfinished where there is none."""
        records = [record for record in self._audit.of(erasure) if record.content["record"]]
        if not records:
            raise ErasureUnfinished(f"There is no erasure {erasure} on record; check the id.")
        return Receipt(erasure, records)

    def problems(self, erasure: str, shown: dict[str, Any] | None = None) -> list[str]:
        """What speaks against a receipt, a sentence each: the chain, the paper `shown`, or content that is still there.

        Raises ErasureUnfinished where there is none of this id.
        """
        receipt, report = self.receipt(erasure), verify(self._audit)
        found = [] if report.fault is None else [f"The audit chain is broken: {report.fault.sentence}"]
        if any(record.seq is None for record in receipt.records):
            found.append("It is not sealed into the audit chain yet; the keeper does that every two seconds.")
        if shown is not None and shown != receipt.as_dict():
            found.append("The receipt that was shown is not the one on record.")
        for start in range(0, len(receipt.jobs), PAGE):
            found += self._store.left(receipt.jobs[start : start + PAGE])
        found += [f"{file_id}: the file" for file_id in self._store.left_of_files(receipt.files)]
        tenant_id = receipt.as_dict()["scope"]["tenant"]
        kept = (key for job_id in receipt.jobs for key in self._keys(tenant_id, job_id, started=True))
        return found + [f"{key} is in the object store" for key in kept]

    def _stop(self, scope: Scope, wait_seconds: float) -> None:
        end = time.monotonic() + wait_seconds
        while running := self._store.ask(scope):
            if time.monotonic() > end:
                raise ErasureUnfinished(
                    f"{running} jobs have not stopped yet. They will be erased when they have; run this again then, "
                    "for the rest and for the receipt."
                )
            time.sleep(LOOK_SECONDS)

    def _erase(self, erasure: str, scope: Scope, asked: Asked, part: _Part) -> None:
        for job in part.jobs:
            part.keys += self._keys(scope.tenant_id, job.id, started=job.started)
        part.keys += part.files.values()
        for key in part.keys:
            self._objects.delete(key)
        record = self._record(erasure, scope, asked, part)
        self._store.forget(scope, [job.id for job in part.jobs], list(part.files), record)

    def _keys(self, tenant_id: str, job_id: str, *, started: bool) -> Iterable[str]:
        made = [f"{folder}/{job_id}/" for folder in ("results", "quarantine", "manifests")] if started else []
        for folder in [f"inputs/{tenant_id}/{job_id}/", *made]:
            yield from [entry.key for entry in self._objects.entries(folder)]

    def _record(self, erasure: str, scope: Scope, asked: Asked, part: _Part) -> Row:
        decision = Decision(
            Stage.ERASURE,
            "erase",
            self._policy,
            actor=asked.by,
            automated=False,
            reason=asked.reason,
            erased={
                "scope": {"tenant": scope.tenant_id, "user_sha256": _sha256(scope.user), "job": scope.job_id},
                "jobs": [job.id for job in part.jobs],
                "files": sorted(part.files),
                "objects": len(part.keys),
                "objects_sha256": _sha256("\n".join(sorted(part.keys))),
            },
        )
        return audit_row(erasure, decision)


def _sha256(text: str | None) -> str | None:
    return None if text is None else hashlib.sha256(text.encode()).hexdigest()
