"""The trigger that freezes terminal rows: a job that ended never changes state or result again."""

from __future__ import annotations

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

TERMINAL = "('succeeded', 'failed', 'blocked', 'canceled', 'expired')"
MESSAGE = "a terminal job cannot change"
# Everything a caller can see of an ended job; erasure may still clear stored content through columns of its own.
FROZEN = ("state", "attempt", "tenant_id", "images", "error", "finished_at")

_POSTGRESQL = f"""
CREATE FUNCTION refuse_terminal_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '{MESSAGE}' USING ERRCODE = 'check_violation';
END $$;
"""


def _changed(operator: str) -> str:
    cast = "::text" if operator == "IS DISTINCT FROM" else ""
    return " OR ".join(f"NEW.{name}{cast} {operator} OLD.{name}{cast}" for name in FROZEN)


def upgrade() -> None:
    """Creates the trigger in PostgreSQL or SQLite."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute(_POSTGRESQL)
        op.execute(
            "CREATE TRIGGER jobs_frozen BEFORE UPDATE ON jobs FOR EACH ROW "
            f"WHEN (OLD.state IN {TERMINAL} AND ({_changed('IS DISTINCT FROM')})) "
            "EXECUTE FUNCTION refuse_terminal_change()"
        )
        return
    op.execute(
        f"CREATE TRIGGER jobs_frozen BEFORE UPDATE ON jobs WHEN OLD.state IN {TERMINAL} "
        f"AND ({_changed('IS NOT')}) BEGIN SELECT RAISE(ABORT, '{MESSAGE}'); END"
    )


def downgrade() -> None:
    """Removes the trigger again."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP TRIGGER jobs_frozen ON jobs")
        op.execute("DROP FUNCTION refuse_terminal_change()")
        return
    op.execute("DROP TRIGGER jobs_frozen")
