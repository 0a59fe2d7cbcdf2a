"""The tables of retention: what tenants have of their own, and how far each rule has been carried out."""

from __future__ import annotations

import sqlalchemy as sa

from storage.tables import Id, Moment
from storage.tables import metadata as metadata

KindName = sa.String(12)

tenant_retention = sa.Table(
    "tenant_retention",
    metadata,
    sa.Column("tenant_id", Id, sa.ForeignKey("tenants.id"), primary_key=True),
    sa.Column("kind", KindName, primary_key=True),
    # NULL keeps for ever; a tenant without a row has what everybody has.
    sa.Column("days", sa.Float),
)

# The last ended job that a kind was erased of, in the order in which jobs end.
retention_progress = sa.Table(
    "retention_progress",
    metadata,
    # Empty for all tenants without a rule of their own.
    sa.Column("tenant_id", Id, primary_key=True),
    sa.Column("kind", KindName, primary_key=True),
    sa.Column("finished_at", Moment, nullable=False),
    sa.Column("job_id", Id, nullable=False),
)
