"""Fair share by tenant, model and priority, limits, idempotent submits, retention, and indexes for what runs alone."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

Json = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
Moment = sa.DateTime(timezone=True)

TENANT_COLUMNS = ("max_queued", "max_running", "requests_per_second", "next_request_at")
JOB_COLUMNS = ("fingerprint", "erased_at")
INDEXES = (
    ("ix_jobs_fingerprint", ["tenant_id", "fingerprint"], "fingerprint IS NOT NULL"),
    ("ix_jobs_solo", ["model_alias", "not_before"], "state = 'queued' AND solo"),
    ("ix_jobs_tenant_queued", ["tenant_id"], "state = 'queued'"),
    ("ix_jobs_tenant_running", ["tenant_id"], "state = 'running'"),
    ("ix_jobs_kept", ["finished_at"], "finished_at IS NOT NULL AND erased_at IS NULL"),
)


def upgrade() -> None:
    """Adds columns, tables and indexes; a tenant's last tag becomes that of its standard priority."""
    _create_tables()
    op.execute(
        "INSERT INTO shares (tenant_id, model_alias, priority, last_key) "
        "SELECT id, 'default', 'standard', last_key FROM tenants WHERE last_key > 0"
    )
    op.drop_column("tenants", "last_key")
    op.add_column("tenants", sa.Column("max_queued", sa.Integer()))
    op.add_column("tenants", sa.Column("max_running", sa.Integer()))
    op.add_column("tenants", sa.Column("requests_per_second", sa.Float()))
    op.add_column("tenants", sa.Column("next_request_at", sa.Float(), nullable=False, server_default="0"))
    op.add_column("jobs", sa.Column("fingerprint", sa.String(64)))
    op.add_column("jobs", sa.Column("erased_at", Moment))
    _index_claimed("model_alias", "fair_key")
    for name, columns, where in INDEXES:
        op.create_index(name, "jobs", columns, postgresql_where=sa.text(where), sqlite_where=sa.text(where))


def _index_claimed(*columns: str) -> None:
    """The index of the virtual time, anew over these columns."""
    where = sa.text("attempt > 0")
    op.drop_index("ix_jobs_claimed_key", "jobs")
    op.create_index("ix_jobs_claimed_key", "jobs", list(columns), postgresql_where=where, sqlite_where=where)


def _create_tables() -> None:
    op.create_table(
        "shares",
        sa.Column("tenant_id", sa.String(40), sa.ForeignKey("tenants.id"), primary_key=True),
        sa.Column("model_alias", sa.String(64), primary_key=True),
        sa.Column("priority", sa.String(12), primary_key=True),
        sa.Column("last_key", sa.Float(), nullable=False),
    )
    op.create_table(
        "idempotency_keys",
        sa.Column("tenant_id", sa.String(40), sa.ForeignKey("tenants.id"), primary_key=True),
        sa.Column("key", sa.String(255), primary_key=True),
        sa.Column("fingerprint", sa.String(64), nullable=False),
        sa.Column("job_id", sa.String(40), nullable=False),
        sa.Column("status", sa.Integer()),
        sa.Column("body", Json),
        sa.Column("created_at", Moment, nullable=False),
    )
    op.create_index("ix_idempotency_keys_created_at", "idempotency_keys", ["created_at"])


def downgrade() -> None:
    """Back to one tag a tenant."""
    for name, _, _ in INDEXES:
        op.drop_index(name, "jobs")
    _index_claimed("fair_key")
    for column in JOB_COLUMNS:
        op.drop_column("jobs", column)
    for column in TENANT_COLUMNS:
        op.drop_column("tenants", column)
    op.add_column("tenants", sa.Column("last_key", sa.Float(), nullable=False, server_default="0"))
    op.execute(
        "UPDATE tenants SET last_key = coalesce("
        "(SELECT max(shares.last_key) FROM shares WHERE shares.tenant_id = tenants.id), 0)"
    )
    op.drop_table("idempotency_keys")
    op.drop_table("shares")
