"""Hash banks: pictures that are known, each as the hashes by which its copies are recognized."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Creates the table."""
    op.create_table(
        "hash_bank_entries",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("bank", sa.String(length=40), nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("hex", sa.String(length=64), nullable=False),
        sa.Column("tiles", sa.Text(), nullable=False),
        sa.Column("reason", sa.String(length=500), nullable=False),
        sa.Column("added_by", sa.String(length=200), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_hash_bank_entries")),
        sa.UniqueConstraint("bank", "hex", name="uq_hash_bank_entries_bank_hex"),
    )


def downgrade() -> None:
    """Removes it again."""
    op.drop_table("hash_bank_entries")
