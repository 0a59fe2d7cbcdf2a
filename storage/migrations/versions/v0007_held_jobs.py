"""An index of the jobs that wait for a person."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Creates the index."""
    held = sa.text("state = 'held'")
    op.create_index("ix_jobs_held", "jobs", ["id"], postgresql_where=held, sqlite_where=held)


def downgrade() -> None:
    """Removes it again."""
    op.drop_index("ix_jobs_held", "jobs")
