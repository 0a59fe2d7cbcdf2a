"""The tables of usage: what each tenant's jobs came to, hour by hour, and up to when that was added up."""

from __future__ import annotations

import sqlalchemy as sa

from storage.tables import Id, Moment
from storage.tables import metadata as metadata

usage_hours = sa.Table(
    "usage_hours",
    metadata,
    sa.Column("tenant_id", Id, primary_key=True),
    # Its beginning, in UTC.
    sa.Column("hour", Moment, primary_key=True),
    # The final state of the jobs that ended in it.
    sa.Column("state", sa.String(10), primary_key=True),
    sa.Column("jobs", sa.BigInteger, nullable=False),
    sa.Column("images", sa.BigInteger, nullable=False),
    sa.Column("unet_rows", sa.Float, nullable=False),
    sa.Column("gpu_seconds", sa.Float, nullable=False),
)

# A row for each tenant that has been added up: every hour before `until` is in usage_hours.
usage_progress = sa.Table(
    "usage_progress",
    metadata,
    sa.Column("tenant_id", Id, primary_key=True),
    sa.Column("until", Moment, nullable=False),
)
