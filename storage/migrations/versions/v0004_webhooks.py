"""Webhooks: endpoints, the secrets of implicit ones, the outbox of deliveries, and its log."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

Json = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
Time = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Creates the tables and the column by which a job names its own endpoint."""
    op.add_column("jobs", sa.Column("webhook_id", sa.String(length=40), nullable=True))
    _create_endpoints()
    _create_deliveries()
    op.create_table(
        "webhook_attempts",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("delivery_id", sa.String(length=80), nullable=False),
        sa.Column("at", Time, nullable=False),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("error", sa.String(length=300), nullable=True),
        sa.Column("milliseconds", sa.Integer(), nullable=False),
        sa.Column("answer", sa.String(length=500), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhook_attempts")),
    )
    op.create_index("ix_webhook_attempts_delivery", "webhook_attempts", ["delivery_id", "id"])


def _create_endpoints() -> None:
    op.create_table(
        "webhook_endpoints",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("tenant_id", sa.String(length=40), nullable=False),
        sa.Column("url", sa.String(length=1000), nullable=False),
        sa.Column("events", sa.String(length=300), nullable=False),
        sa.Column("all_jobs", sa.Boolean(), nullable=False),
        sa.Column("secrets", Json, nullable=True),
        sa.Column("failures", sa.Integer(), server_default="0", nullable=False),
        sa.Column("opened_until", Time, nullable=True),
        sa.Column("disabled_at", Time, nullable=True),
        sa.Column("disabled_reason", sa.String(length=200), nullable=True),
        sa.Column("deleted_at", Time, nullable=True),
        sa.Column("created_at", Time, nullable=False),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name=op.f("fk_webhook_endpoints_tenant_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhook_endpoints")),
    )
    _partial_index(
        "ix_webhook_endpoints_live", "webhook_endpoints", ["tenant_id", "id"], "all_jobs AND deleted_at IS NULL"
    )
    implicit = ["tenant_id", "url", "events"]
    _partial_index("ix_webhook_endpoints_implicit", "webhook_endpoints", implicit, "NOT all_jobs", unique=True)
    op.create_table(
        "webhook_defaults",
        sa.Column("tenant_id", sa.String(length=40), nullable=False),
        sa.Column("secrets", Json, nullable=False),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name=op.f("fk_webhook_defaults_tenant_id")),
        sa.PrimaryKeyConstraint("tenant_id", name=op.f("pk_webhook_defaults")),
    )


def _create_deliveries() -> None:
    op.create_table(
        "webhook_deliveries",
        sa.Column("id", sa.String(length=80), nullable=False),
        sa.Column("tenant_id", sa.String(length=40), nullable=False),
        sa.Column("endpoint_id", sa.String(length=40), nullable=False),
        sa.Column("event_id", sa.String(length=40), nullable=False),
        sa.Column("job_id", sa.String(length=40), nullable=True),
        sa.Column("type", sa.String(length=40), nullable=False),
        sa.Column("payload", sa.Text(), nullable=True),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("next_at", Time, nullable=False),
        sa.Column("leased_until", Time, nullable=True),
        sa.Column("created_at", Time, nullable=False),
        sa.Column("delivered_at", Time, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhook_deliveries")),
    )
    waiting = "state = 'pending'"
    _partial_index("ix_webhook_deliveries_due", "webhook_deliveries", ["next_at", "endpoint_id"], waiting)
    _partial_index("ix_webhook_deliveries_pending", "webhook_deliveries", ["endpoint_id", "next_at"], waiting)
    leased = f"{waiting} AND leased_until IS NOT NULL"
    _partial_index("ix_webhook_deliveries_leased", "webhook_deliveries", ["endpoint_id"], leased)
    op.create_index("ix_webhook_deliveries_endpoint", "webhook_deliveries", ["endpoint_id", "id"])
    op.create_index("ix_webhook_deliveries_tenant", "webhook_deliveries", ["tenant_id", "id"])
    op.create_index("ix_webhook_deliveries_job", "webhook_deliveries", ["job_id"])


def _partial_index(name: str, table: str, columns: list[str], where: str, *, unique: bool = False) -> None:
    clause = sa.text(where)
    op.create_index(name, table, columns, unique=unique, postgresql_where=clause, sqlite_where=clause)


def downgrade() -> None:
    """Removes them again."""
    for table in ("webhook_attempts", "webhook_deliveries", "webhook_defaults", "webhook_endpoints"):
        op.drop_table(table)
    op.drop_column("jobs", "webhook_id")
