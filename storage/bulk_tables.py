"""The table of decisions on many cases at once."""

from __future__ import annotations

import sqlalchemy as sa

from storage.database import db_now
from storage.tables import Id, Json, Moment
from storage.tables import metadata as metadata

bulk_decisions = sa.Table(
    "bulk_decisions",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("case_ids", Json, nullable=False),
    sa.Column("ruling", Json, nullable=False),
    sa.Column("state", sa.String(10), nullable=False, server_default="proposed"),
    sa.Column("proposed_by", sa.String(200), nullable=False),
    sa.Column("proposed_at", Moment, nullable=False, default=db_now()),
    sa.Column("second_by", sa.String(200)),
    sa.Column("ended_at", Moment),
    sa.Column("results", Json),
)
