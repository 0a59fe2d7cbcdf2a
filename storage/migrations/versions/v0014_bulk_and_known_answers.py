"""Decisions on many cases at once, and cases whose answer is known."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

Json = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
Time = sa.DateTime(timezone=True)
Id = sa.String(length=40)
Name = sa.String(length=200)
KNOWN = sa.text("expected IS NOT NULL")


def upgrade() -> None:
    """Creates the table and the column."""
    op.add_column("cases", sa.Column("copy_of", Id, nullable=True))
    op.create_index("ix_cases_known", "cases", ["id"], postgresql_where=KNOWN, sqlite_where=KNOWN)
    op.create_index("ix_cases_tenant", "cases", ["tenant_id", "id"])
    op.create_table(
        "bulk_decisions",
        sa.Column("id", Id, nullable=False),
        sa.Column("case_ids", Json, nullable=False),
        sa.Column("ruling", Json, nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False, server_default="proposed"),
        sa.Column("proposed_by", Name, nullable=False),
        sa.Column("proposed_at", Time, nullable=False),
        sa.Column("second_by", Name, nullable=True),
        sa.Column("ended_at", Time, nullable=True),
        sa.Column("results", Json, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_bulk_decisions")),
    )


def downgrade() -> None:
    """Removes them again."""
    op.drop_table("bulk_decisions")
    op.drop_index("ix_cases_tenant", "cases")
    op.drop_index("ix_cases_known", "cases")
    op.drop_column("cases", "copy_of")
