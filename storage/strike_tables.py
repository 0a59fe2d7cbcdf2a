"""The table of strikes. It refers to nothing by a foreign key: no job may fail to end because of what is noted here."""

from __future__ import annotations

import sqlalchemy as sa

from storage.database import db_now
from storage.tables import Id, Moment, partial_index
from storage.tables import metadata as metadata

strikes = sa.Table(
    "strikes",
    metadata,
    # One job is refused at most once, so however often its end is written, it earns one strike.
    sa.Column("job_id", Id, primary_key=True),
    sa.Column("tenant_id", Id, nullable=False),
    # The pseudonym of the end-user; NULL where the tenant named none.
    sa.Column("user", sa.String(100)),
    sa.Column("weight", sa.Float, nullable=False),
    sa.Column("cause", sa.String(10), nullable=False),
    sa.Column("rule", sa.String(100), nullable=False),
    sa.Column("severity", sa.Integer, nullable=False),
    # The request's imprint, see safety/behavior.py.
    sa.Column("words", sa.Text, nullable=False),
    sa.Column("picture", sa.String(64), nullable=False),
    sa.Column("at", Moment, nullable=False, default=db_now()),
    # When it was taken back, and why.
    sa.Column("lifted_at", Moment),
    sa.Column("lifted_why", sa.String(300)),
    partial_index("ix_strikes_caller", "tenant_id", "user", "at", where="lifted_at IS NULL"),
    partial_index("ix_strikes_tenant", "tenant_id", "at", where="lifted_at IS NULL"),
    sa.Index("ix_strikes_at", "at"),
)
