"""Keys with names and ends, content erased on request, the feed of events, usage, forecasts, and listings by index."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

Id = sa.String(40)
Time = sa.DateTime(timezone=True)
KEY_COLUMNS = ("name", "hint", "last_used_at", "revoked_at")
LISTINGS = (
    ("ix_jobs_tenant_batch", ["tenant_id", "batch", "id"], "batch IS NOT NULL"),
    ("ix_jobs_tenant_user", ["tenant_id", "user", "id"], '"user" IS NOT NULL'),
    ("ix_jobs_tenant_rare", ["tenant_id", "state", "id"], "state IN ('failed', 'blocked', 'canceled', 'expired')"),
    ("ix_jobs_erase_asked", ["id"], "erase_asked_at IS NOT NULL AND erased_at IS NULL"),
)


def upgrade() -> None:
    """Adds columns, tables and indexes; keys of before have no name and are known by their ids."""
    op.add_column("api_keys", sa.Column("name", sa.String(100), nullable=False, server_default=""))
    op.add_column("api_keys", sa.Column("hint", sa.String(20), nullable=False, server_default=""))
    op.add_column("api_keys", sa.Column("last_used_at", Time))
    op.add_column("api_keys", sa.Column("revoked_at", Time))
    op.add_column("jobs", sa.Column("erase_asked_at", Time))
    for name, columns, where in LISTINGS:
        op.create_index(name, "jobs", columns, postgresql_where=sa.text(where), sqlite_where=sa.text(where))
    op.create_index("ix_idempotency_keys_job", "idempotency_keys", ["job_id"])
    op.create_index("ix_job_events_feed", "job_events", ["tenant_id", "at", "id"])
    op.drop_index("ix_job_events_tenant", table_name="job_events")
    _create_tables()


def _create_tables() -> None:
    op.create_table(
        "forecasts",
        sa.Column("job_id", Id, nullable=False),
        sa.Column("model_alias", sa.String(64), nullable=False),
        sa.Column("made_at", Time, nullable=False),
        sa.Column("eta_seconds", sa.Float(), nullable=False),
        sa.Column("error_seconds", sa.Float()),
        sa.PrimaryKeyConstraint("job_id", name=op.f("pk_forecasts")),
    )
    op.create_index("ix_forecasts_made", "forecasts", ["made_at"])
    op.create_table(
        "usage_hours",
        sa.Column("tenant_id", Id, nullable=False),
        sa.Column("hour", Time, nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("jobs", sa.BigInteger(), nullable=False),
        sa.Column("images", sa.BigInteger(), nullable=False),
        sa.Column("unet_rows", sa.Float(), nullable=False),
        sa.Column("gpu_seconds", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "hour", "state", name=op.f("pk_usage_hours")),
    )
    op.create_table(
        "usage_progress",
        sa.Column("tenant_id", Id, nullable=False),
        sa.Column("until", Time, nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", name=op.f("pk_usage_progress")),
    )


def downgrade() -> None:
    """Removes them again."""
    for table in ("usage_progress", "usage_hours", "forecasts"):
        op.drop_table(table)
    op.create_index("ix_job_events_tenant", "job_events", ["tenant_id", "id"])
    op.drop_index("ix_job_events_feed", table_name="job_events")
    op.drop_index("ix_idempotency_keys_job", table_name="idempotency_keys")
    for name, _, _ in LISTINGS:
        op.drop_index(name, table_name="jobs")
    op.drop_column("jobs", "erase_asked_at")
    for column in KEY_COLUMNS:
        op.drop_column("api_keys", column)
