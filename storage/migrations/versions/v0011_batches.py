"""Batches that were sent in one body, their events, and where each job stood in it."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

Json = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
Time = sa.DateTime(timezone=True)
STATES = sa.text("batch IS NOT NULL")
UNFINISHED = sa.text("finished_at IS NULL")


def upgrade() -> None:
    """Creates the table, columns and indexes; an event may be a batch's instead of a job's."""
    _create_batches()
    op.add_column("jobs", sa.Column("line", sa.Integer(), nullable=True))
    op.add_column("jobs", sa.Column("custom_id", sa.String(length=64), nullable=True))
    columns = ["tenant_id", "batch", "state"]
    op.create_index("ix_jobs_batch_state", "jobs", columns, postgresql_where=STATES, sqlite_where=STATES)
    with op.batch_alter_table("job_events") as events:
        events.alter_column("job_id", existing_type=sa.String(length=40), nullable=True)
        events.add_column(sa.Column("batch_id", sa.String(length=40), nullable=True))


def _create_batches() -> None:
    counts = ("lines", "accepted", "replayed", "refused")
    op.create_table(
        "batches",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("tenant_id", sa.String(length=40), nullable=False),
        sa.Column("idempotency_key", sa.String(length=255), nullable=True),
        sa.Column("round", sa.Integer(), server_default="1", nullable=False),
        sa.Column("chunk", sa.Integer(), server_default="0", nullable=False),
        *(sa.Column(name, sa.Integer(), server_default="0", nullable=False) for name in counts),
        sa.Column("complete", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("metadata", Json, nullable=False),
        sa.Column("webhook_id", sa.String(length=40), nullable=True),
        sa.Column("created_at", Time, nullable=False),
        sa.Column("fed_at", Time, nullable=False),
        sa.Column("closed_at", Time, nullable=True),
        sa.Column("finished_at", Time, nullable=True),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name=op.f("fk_batches_tenant_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_batches")),
        sa.UniqueConstraint("tenant_id", "idempotency_key", name="uq_batches_key"),
    )
    op.create_index("ix_batches_tenant", "batches", ["tenant_id", "id"])
    op.create_index(
        "ix_batches_unfinished", "batches", ["fed_at"], postgresql_where=UNFINISHED, sqlite_where=UNFINISHED
    )


def downgrade() -> None:
    """Removes them again, and the events of batches."""
    op.execute("DELETE FROM job_events WHERE job_id IS NULL")
    with op.batch_alter_table("job_events") as events:
        events.drop_column("batch_id")
        events.alter_column("job_id", existing_type=sa.String(length=40), nullable=False)
    op.drop_index("ix_jobs_batch_state", table_name="jobs")
    op.drop_column("jobs", "custom_id")
    op.drop_column("jobs", "line")
    op.drop_table("batches")
