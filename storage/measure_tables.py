"""Measures against a tenant: warnings, and suspensions that end when somebody ends them."""

from __future__ import annotations

import sqlalchemy as sa

from storage.database import db_now
from storage.tables import Id, Moment, partial_index
from storage.tables import metadata as metadata

measures = sa.Table(
    "measures",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("tenant_id", Id, nullable=False),
    sa.Column("kind", sa.String(10), nullable=False),
    sa.Column("case_id", Id),
    sa.Column("text", sa.String(1000), nullable=False),
    sa.Column("by", sa.String(200), nullable=False),
    sa.Column("at", Moment, nullable=False, default=db_now()),
    sa.Column("ended_by", sa.String(200)),
    sa.Column("ended_at", Moment),
    partial_index("ix_measures_standing", "tenant_id", "kind", where="ended_at IS NULL"),
    sa.Index("ix_measures_tenant", "tenant_id", "at"),
)
