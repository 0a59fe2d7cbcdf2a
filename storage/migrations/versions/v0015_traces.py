"""The place of each job in its trace."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Adds the column; jobs from before have no trace."""
    op.add_column("jobs", sa.Column("trace", sa.String(length=55), nullable=True))


def downgrade() -> None:
    """Removes it again."""
    op.drop_column("jobs", "trace")
