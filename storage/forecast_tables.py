"""The table of forecasts: when some queued jobs were expected to start, and how far off that was."""

from __future__ import annotations

import sqlalchemy as sa

from storage.database import db_now
from storage.tables import Id, Moment
from storage.tables import metadata as metadata

# No foreign key: a job never waits for what is only noted about it.
forecasts = sa.Table(
    "forecasts",
    metadata,
    sa.Column("job_id", Id, primary_key=True),
    sa.Column("model_alias", sa.String(64), nullable=False),
    sa.Column("made_at", Moment, nullable=False, default=db_now()),
    sa.Column("eta_seconds", sa.Float, nullable=False),
    # Seconds by which the job started later than that, or earlier if negative; NULL until it has started.
    sa.Column("error_seconds", sa.Float),
    sa.Index("ix_forecasts_made", "made_at"),
)
