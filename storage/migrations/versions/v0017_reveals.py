"""What was revealed, picture by picture; and an undoing that waits for a second person."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

Time = sa.DateTime(timezone=True)
Id = sa.String(length=40)
Name = sa.String(length=200)


def upgrade() -> None:
    """Creates the table and the columns. What is being looked at is revealed anew: it was not noted which picture."""
    op.create_table(
        "reveals",
        sa.Column("moderator", Name, nullable=False),
        sa.Column("case_id", Id, nullable=False),
        sa.Column("picture", sa.String(length=40), nullable=False),
        sa.Column("at", Time, nullable=False),
        sa.PrimaryKeyConstraint("moderator", "case_id", "picture", name=op.f("pk_reveals")),
    )
    op.add_column("cases", sa.Column("undo_by", Name, nullable=True))
    op.add_column("cases", sa.Column("undo_note", sa.String(length=300), nullable=True))


def downgrade() -> None:
    """Removes them again."""
    op.drop_column("cases", "undo_note")
    op.drop_column("cases", "undo_by")
    op.drop_table("reveals")
