"""The table of hash banks: pictures that are known, each as the hashes by which its copies are recognized."""

from __future__ import annotations

import sqlalchemy as sa

from storage.tables import Id, Moment
from storage.tables import metadata as metadata

hash_bank_entries = sa.Table(
    "hash_bank_entries",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("bank", sa.String(40), nullable=False),
    # `picture`: hashed here, with its tiles; `hash`: imported, the whole picture's only.
    sa.Column("kind", sa.String(10), nullable=False),
    sa.Column("hex", sa.String(64), nullable=False),
    # Hashes of tiles, 64 hexadecimal digits each, one after the other.
    sa.Column("tiles", sa.Text, nullable=False),
    sa.Column("reason", sa.String(500), nullable=False),
    sa.Column("added_by", sa.String(200), nullable=False),
    sa.Column("created_at", Moment, nullable=False),
    sa.UniqueConstraint("bank", "hex", name="uq_hash_bank_entries_bank_hex"),
)
