"""Retention by tenant and kind, what a job lost of its content, and the format of a job's row."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

Id = sa.String(length=40)
Kind = sa.String(length=12)
Time = sa.DateTime(timezone=True)
ENDED = sa.text("finished_at IS NOT NULL")
KEPT = sa.text("finished_at IS NOT NULL AND erased_at IS NULL")


def upgrade() -> None:
    """Creates tables and columns; the index of ended jobs takes the place of that of jobs with content."""
    op.create_table(
        "tenant_retention",
        sa.Column("tenant_id", Id, sa.ForeignKey("tenants.id", name="fk_tenant_retention_tenant_id_tenants")),
        sa.Column("kind", Kind, nullable=False),
        sa.Column("days", sa.Float(), nullable=True),
        sa.PrimaryKeyConstraint("tenant_id", "kind", name=op.f("pk_tenant_retention")),
    )
    op.create_table(
        "retention_progress",
        sa.Column("tenant_id", Id, nullable=False),
        sa.Column("kind", Kind, nullable=False),
        sa.Column("finished_at", Time, nullable=False),
        sa.Column("job_id", Id, nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "kind", name=op.f("pk_retention_progress")),
    )
    op.add_column("jobs", sa.Column("inputs_erased_at", Time, nullable=True))
    op.add_column("jobs", sa.Column("results_erased_at", Time, nullable=True))
    op.add_column("jobs", sa.Column("prompts_erased_at", Time, nullable=True))
    op.add_column("jobs", sa.Column("format", sa.Integer(), nullable=False, server_default="1"))
    # On a large table it is made beforehand, without a lock: see docs/upgrade.md.
    op.create_index(
        "ix_jobs_ended",
        "jobs",
        ["finished_at", "id"],
        postgresql_where=ENDED,
        sqlite_where=ENDED,
        if_not_exists=True,
    )
    op.drop_index("ix_jobs_kept", table_name="jobs")


def downgrade() -> None:
    """Removes them again; what was erased stays so."""
    op.create_index("ix_jobs_kept", "jobs", ["finished_at"], postgresql_where=KEPT, sqlite_where=KEPT)
    op.drop_index("ix_jobs_ended", table_name="jobs")
    for column in ("format", "prompts_erased_at", "results_erased_at", "inputs_erased_at"):
        op.drop_column("jobs", column)
    op.drop_table("retention_progress")
    op.drop_table("tenant_retention")
