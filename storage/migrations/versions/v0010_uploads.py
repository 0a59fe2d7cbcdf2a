"""Uploads that callers send past the API, until they are checked and become files; files listed by tenant."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Creates the table, and an index in which the files of a tenant are sorted."""
    op.create_table(
        "uploads",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("tenant_id", sa.String(length=40), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=True),
        sa.Column("content_type", sa.String(length=40), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name=op.f("fk_uploads_tenant_id_tenants")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_uploads")),
    )
    op.create_index(op.f("ix_uploads_tenant_id"), "uploads", ["tenant_id"])
    op.create_index(op.f("ix_uploads_created_at"), "uploads", ["created_at"])
    op.create_index("ix_files_tenant", "files", ["tenant_id", "id"])
    op.drop_index("ix_files_tenant_id", table_name="files")


def downgrade() -> None:
    """Takes both away again."""
    op.create_index("ix_files_tenant_id", "files", ["tenant_id"])
    op.drop_index("ix_files_tenant", table_name="files")
    op.drop_table("uploads")
