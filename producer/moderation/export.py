"""What moderators did, out of the audit record, for whoever reads it elsewhere."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator
from typing import Any

from storage.audit import Stage
from storage.audit_store import AuditStore, Record

COLUMNS = ("at", "job", "action", "actor", "reason", "note", "policy", "seq", "record", "hash")
FORMATS = ("csv", "jsonl")
# What a spreadsheet would take for a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def reviewed(records: Iterable[Record]) -> Iterator[dict[str, Any]]:
    """The records of people's actions, as flat rows of COLUMNS. What was erased by retention is left out."""
    for record in records:
        content = record.content
        said = content["record"]
        if said is None or said["stage"] != Stage.REVIEW:
            continue
        policy = said["policy"]
        yield {
            "at": record.at.isoformat(),
            "job": record.subject,
            "action": said["action"],
            "actor": said["actor"],
            "reason": said["reason"],
            "note": (content["prompts"] or {}).get("note"),
            "policy": f"{policy['name']}@{policy['version']}",
            "seq": record.seq,
            "record": record.id,
            "hash": record.hash,
        }


def export(audit: AuditStore, kind: str) -> Iterator[str]:
    """Every sealed record of a person's action, oldest first, as text in `kind`, a piece at a time.

    Raises DatabaseUnavailable.
    """
    writing = _csv if kind == "csv" else _json_lines
    if kind == "csv":
        yield writing([dict(zip(COLUMNS, COLUMNS, strict=True))])
    for page in audit.pages():
        yield writing(reviewed(page))


def _json_lines(rows: Iterable[dict[str, Any]]) -> str:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def _csv(rows: Iterable[dict[str, Any]]) -> str:
    file = io.StringIO()
    writer = csv.writer(file)
    for row in rows:
        writer.writerow([_plain(row[name]) for name in COLUMNS])
    return file.getvalue()


def _plain(value: object) -> object:
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value
