"""Strikes of callers, and the imprint of each request by which a retry is recognized."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

Json = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
Time = sa.DateTime(timezone=True)
COUNTS = sa.text("lifted_at IS NULL")


def upgrade() -> None:
    """Creates the table and the column; jobs of before have no imprint and are no retry of anything."""
    op.add_column("jobs", sa.Column("imprint", Json, nullable=True))
    op.create_table(
        "strikes",
        sa.Column("job_id", sa.String(length=40), nullable=False),
        sa.Column("tenant_id", sa.String(length=40), nullable=False),
        sa.Column("user", sa.String(length=100), nullable=True),
        sa.Column("weight", sa.Float(), nullable=False),
        sa.Column("cause", sa.String(length=10), nullable=False),
        sa.Column("rule", sa.String(length=100), nullable=False),
        sa.Column("severity", sa.Integer(), nullable=False),
        sa.Column("words", sa.Text(), nullable=False),
        sa.Column("picture", sa.String(length=64), nullable=False),
        sa.Column("at", Time, nullable=False),
        sa.Column("lifted_at", Time, nullable=True),
        sa.Column("lifted_why", sa.String(length=300), nullable=True),
        sa.PrimaryKeyConstraint("job_id", name=op.f("pk_strikes")),
    )
    caller = ["tenant_id", "user", "at"]
    op.create_index("ix_strikes_caller", "strikes", caller, postgresql_where=COUNTS, sqlite_where=COUNTS)
    op.create_index("ix_strikes_tenant", "strikes", ["tenant_id", "at"], postgresql_where=COUNTS, sqlite_where=COUNTS)
    op.create_index("ix_strikes_at", "strikes", ["at"])


def downgrade() -> None:
    """Removes them again."""
    op.drop_table("strikes")
    op.drop_column("jobs", "imprint")
