"""The audit record: decisions, the head of their chain, and how far its columns have been erased."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Creates the tables, with a chain of no records."""
    op.create_table(
        "audit_records",
        sa.Column("subject", sa.String(40), primary_key=True),
        sa.Column("id", sa.String(40), primary_key=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("record", sa.Text()),
        sa.Column("prompts", sa.Text()),
        sa.Column("hashes", sa.Text()),
        sa.Column("user", sa.Text()),
        sa.Column("seq", sa.BigInteger()),
        sa.Column("commitments", sa.Text()),
        sa.Column("previous", sa.String(64)),
        sa.Column("hash", sa.String(64)),
    )
    if op.get_bind().dialect.name == "postgresql":
        # A usual record has 2 to 6 kB; without this, every INSERT would compress it and half of them move it out.
        op.execute("ALTER TABLE audit_records SET (toast_tuple_target = 8160)")
    for name, column, where, unique in (
        ("ix_audit_records_unsealed", "id", sa.text("seq IS NULL"), False),
        ("ix_audit_records_seq", "seq", sa.text("seq IS NOT NULL"), True),
    ):
        op.create_index(name, "audit_records", [column], unique=unique, postgresql_where=where, sqlite_where=where)
    head = op.create_table(
        "audit_head",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
    )
    op.bulk_insert(head, [{"id": 1, "seq": 0, "hash": "0" * 64}])
    op.create_table(
        "audit_erased",
        sa.Column("column", sa.String(12), primary_key=True),
        sa.Column("seq", sa.BigInteger(), nullable=False),
    )


def downgrade() -> None:
    """Removes them again, and every record with them."""
    for table in ("audit_erased", "audit_head", "audit_records"):
        op.drop_table(table)
