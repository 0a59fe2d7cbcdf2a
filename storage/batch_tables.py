"""The table of batches."""

from __future__ import annotations

import sqlalchemy as sa

from storage.tables import Id, Json, Moment, partial_index
from storage.tables import metadata as metadata

batches = sa.Table(
    "batches",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("tenant_id", Id, sa.ForeignKey("tenants.id"), nullable=False),
    # The caller's own, by which it is found again when its body is sent once more.
    sa.Column("idempotency_key", sa.String(255)),
    # Fencing tokens, as `attempt` is of a job: +1 whenever it is sent, and +1 for each chunk of lines that is stored.
    sa.Column("round", sa.Integer, nullable=False, server_default="1"),
    sa.Column("chunk", sa.Integer, nullable=False, server_default="0"),
    # Of the last time that it was sent.
    sa.Column("lines", sa.Integer, nullable=False, server_default="0"),
    sa.Column("accepted", sa.Integer, nullable=False, server_default="0"),
    sa.Column("replayed", sa.Integer, nullable=False, server_default="0"),
    sa.Column("refused", sa.Integer, nullable=False, server_default="0"),
    sa.Column("complete", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("metadata", Json, nullable=False),
    # No foreign key, see storage/webhook_tables.py.
    sa.Column("webhook_id", Id),
    sa.Column("created_at", Moment, nullable=False),
    # When it was last heard of.
    sa.Column("fed_at", Moment, nullable=False),
    # Both are NULL again once it is sent once more.
    sa.Column("closed_at", Moment),
    sa.Column("finished_at", Moment),
    sa.UniqueConstraint("tenant_id", "idempotency_key", name="uq_batches_key"),
    sa.Index("ix_batches_tenant", "tenant_id", "id"),
    partial_index("ix_batches_unfinished", "fed_at", where="finished_at IS NULL"),
)
