"""The tables of the audit record. Records are only ever added; sealing puts them into the chain, erasing empties them.

No foreign keys: a record outlives whatever it speaks of, and its INSERT waits for nothing.
"""

from __future__ import annotations

import sqlalchemy as sa

from storage.database import db_now
from storage.tables import Id, Moment, partial_index
from storage.tables import metadata as metadata

Sha256 = sa.String(64)

# The columns that hold content, each with a retention of its own; see storage/audit_chain.py for what is in them.
CLASSES = ("record", "prompts", "hashes", "user")

audit_records = sa.Table(
    "audit_records",
    metadata,
    # What the record is about comes first in the key, so that one index serves both the key and "everything on X".
    sa.Column("subject", Id, primary_key=True),
    sa.Column("id", Id, primary_key=True),
    sa.Column("at", Moment, nullable=False, default=db_now()),
    sa.Column("record", sa.Text),
    sa.Column("prompts", sa.Text),
    sa.Column("hashes", sa.Text),
    sa.Column("user", sa.Text),
    # NULL until the keeper seals the record.
    sa.Column("seq", sa.BigInteger),
    sa.Column("commitments", sa.Text),
    sa.Column("previous", Sha256),
    sa.Column("hash", Sha256),
    partial_index("ix_audit_records_unsealed", "id", where="seq IS NULL"),
    sa.Index(
        "ix_audit_records_seq",
        "seq",
        unique=True,
        postgresql_where=sa.text("seq IS NOT NULL"),
        sqlite_where=sa.text("seq IS NOT NULL"),
    ),
)

# One row: how long the chain is and how it ends, apart from the records, so that cutting its end off shows.
audit_head = sa.Table(
    "audit_head",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("seq", sa.BigInteger, nullable=False),
    sa.Column("hash", Sha256, nullable=False),
)

# How far each column has been erased, by the seq of the last record that was looked at.
audit_erased = sa.Table(
    "audit_erased",
    metadata,
    sa.Column("column", sa.String(12), primary_key=True),
    sa.Column("seq", sa.BigInteger, nullable=False),
)
