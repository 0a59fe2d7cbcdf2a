"""Marks: which picture carries which watermark id."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

Json = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")


def upgrade() -> None:
    """Creates the table."""
    op.create_table(
        "marks",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("mark_id", sa.String(length=16), nullable=False),
        sa.Column("key_id", sa.String(length=16), nullable=False),
        sa.Column("tenant_id", sa.String(length=40), nullable=False),
        sa.Column("job_id", sa.String(length=40), nullable=False),
        sa.Column("image_index", sa.Integer(), nullable=False),
        sa.Column("model", Json, nullable=False),
        sa.Column("width", sa.Integer(), nullable=False),
        sa.Column("height", sa.Integer(), nullable=False),
        sa.Column("mask_box", Json, nullable=False),
        sa.Column("fingerprint", Json, nullable=False),
        sa.Column("manifest_key", sa.String(length=300), nullable=False),
        sa.Column("manifest_sha256", sa.String(length=64), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_marks")),
    )
    op.create_index("ix_marks_mark", "marks", ["mark_id", "id"])
    op.create_index("ix_marks_manifest", "marks", ["manifest_key"])
    op.create_index(op.f("ix_marks_created_at"), "marks", ["created_at"])


def downgrade() -> None:
    """Removes it again."""
    op.drop_table("marks")
