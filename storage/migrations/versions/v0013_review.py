"""Review: cases and who may see them, measures against tenants, results that are withdrawn or replaced."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

Json = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
Time = sa.DateTime(timezone=True)
Id = sa.String(length=40)
Name = sa.String(length=200)
PENDING = sa.text("state IN ('open', 'proposed')")
STANDING = sa.text("ended_at IS NULL")


def upgrade() -> None:
    """Creates the tables and the columns. Jobs that are held already have no case: `inpaintd review` decides them."""
    op.add_column("jobs", sa.Column("withdrawn_at", Time, nullable=True))
    op.add_column("jobs", sa.Column("replaces", Id, nullable=True))
    _cases()
    _looking()
    _moderators()
    op.create_table(
        "measures",
        sa.Column("id", Id, nullable=False),
        sa.Column("tenant_id", Id, nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("case_id", Id, nullable=True),
        sa.Column("text", sa.String(length=1000), nullable=False),
        sa.Column("by", Name, nullable=False),
        sa.Column("at", Time, nullable=False),
        sa.Column("ended_by", Name, nullable=True),
        sa.Column("ended_at", Time, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_measures")),
    )
    standing = ["tenant_id", "kind"]
    op.create_index("ix_measures_standing", "measures", standing, postgresql_where=STANDING, sqlite_where=STANDING)
    op.create_index("ix_measures_tenant", "measures", ["tenant_id", "at"])


def _cases() -> None:
    op.create_table(
        "cases",
        sa.Column("id", Id, nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("job_id", Id, nullable=False),
        sa.Column("tenant_id", Id, nullable=False),
        sa.Column("held_at", sa.String(length=10), nullable=True),
        sa.Column("category", sa.String(length=60), nullable=False),
        sa.Column("severity", sa.Integer(), nullable=False),
        sa.Column("rule", sa.String(length=100), nullable=False),
        sa.Column("queue", sa.String(length=40), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False, server_default="open"),
        sa.Column("words", sa.Text(), nullable=True),
        sa.Column("first_by", Name, nullable=True),
        sa.Column("expected", sa.String(length=10), nullable=True),
        sa.Column("lease_by", Name, nullable=True),
        sa.Column("lease_until", Time, nullable=True),
        sa.Column("lease_no", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("proposal", Json, nullable=True),
        sa.Column("proposed_by", Name, nullable=True),
        sa.Column("proposed_at", Time, nullable=True),
        sa.Column("ruling", Json, nullable=True),
        sa.Column("decided_by", Name, nullable=True),
        sa.Column("decided_at", Time, nullable=True),
        sa.Column("undone_by", Name, nullable=True),
        sa.Column("undone_at", Time, nullable=True),
        sa.Column("replacement", Id, nullable=True),
        sa.Column("opened_at", Time, nullable=False),
        sa.Column("due_at", Time, nullable=False),
        sa.Column("given_at", Time, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_cases")),
    )
    op.create_index("ix_cases_pending", "cases", ["due_at", "id"], postgresql_where=PENDING, sqlite_where=PENDING)
    op.create_index("ix_cases_job", "cases", ["job_id", "id"])
    op.create_index("ix_cases_decided", "cases", ["decided_at"])


def _looking() -> None:
    op.create_table(
        "case_skips",
        sa.Column("case_id", Id, nullable=False),
        sa.Column("moderator", Name, nullable=False),
        sa.Column("reason", sa.String(length=300), nullable=False),
        sa.Column("at", Time, nullable=False),
        sa.PrimaryKeyConstraint("case_id", "moderator", name=op.f("pk_case_skips")),
    )
    op.create_table(
        "exposures",
        sa.Column("moderator", Name, nullable=False),
        sa.Column("case_id", Id, nullable=False),
        sa.Column("category", sa.String(length=60), nullable=False),
        sa.Column("severity", sa.Integer(), nullable=False),
        sa.Column("at", Time, nullable=False),
        sa.PrimaryKeyConstraint("moderator", "case_id", name=op.f("pk_exposures")),
    )
    op.create_index("ix_exposures_moderator", "exposures", ["moderator", "at"])


def _moderators() -> None:
    op.create_table(
        "moderators",
        sa.Column("id", Id, nullable=False),
        sa.Column("name", Name, nullable=False),
        sa.Column("role", sa.String(length=10), nullable=False),
        sa.Column("password", Name, nullable=True),
        sa.Column("subject", sa.String(length=255), nullable=True),
        sa.Column("failures", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("barred_until", Time, nullable=True),
        sa.Column("created_at", Time, nullable=False),
        sa.Column("disabled_at", Time, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_moderators")),
        sa.UniqueConstraint("name", name=op.f("uq_moderators_name")),
        sa.UniqueConstraint("subject", name=op.f("uq_moderators_subject")),
    )
    op.create_table(
        "console_sessions",
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("moderator_id", Id, nullable=False),
        sa.Column("csrf", sa.String(length=64), nullable=False),
        sa.Column("created_at", Time, nullable=False),
        sa.Column("seen_at", Time, nullable=False),
        sa.ForeignKeyConstraint(
            ["moderator_id"], ["moderators.id"], name=op.f("fk_console_sessions_moderator_id_moderators")
        ),
        sa.PrimaryKeyConstraint("sha256", name=op.f("pk_console_sessions")),
    )
    op.create_index("ix_console_sessions_moderator_id", "console_sessions", ["moderator_id"])


def downgrade() -> None:
    """Removes them again."""
    for table in ("console_sessions", "moderators", "exposures", "case_skips", "cases", "measures"):
        op.drop_table(table)
    op.drop_column("jobs", "replaces")
    op.drop_column("jobs", "withdrawn_at")
