"""Who may do what in PostgreSQL: a role for each program, with no more than what its statements need.

A worker opens pictures from strangers, so it is what would be taken over first: it sees neither API keys nor webhook
secrets, neither accounts nor sessions. Nobody deletes an audit record or changes what it says: the keeper, which seals
and erases them, may set each column of the chain once and empty the others, the API may empty the prompts of an erased
job, and a trigger refuses everything else. Whoever ran the migrations owns the tables and may do anything: no program
runs as that role.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from enum import StrEnum

from storage.audit_tables import CLASSES
from storage.errors import SettingsError

READ = "SELECT"
ADD = "SELECT, INSERT"
CHANGE = "SELECT, INSERT, UPDATE"
ALL = "SELECT, INSERT, UPDATE, DELETE"
_NAME = r"[a-z_][a-z0-9_]{0,40}"


class Role(StrEnum):
    """Ends of the names of roles; `migrator` is the one that is to own the tables."""

    MIGRATOR = "migrator"
    API = "api"
    KEEPER = "keeper"
    WORKER = "worker"
    AUDITOR = "auditor"


# Whom to tell of an event, without where and how it is signed.
_WHOM = "id, tenant_id, events, all_jobs, disabled_at, deleted_at"
# By table, in the order api, keeper, worker; "" is nothing.
RIGHTS: Mapping[str, tuple[str, str, str]] = {
    "alembic_version": (READ, READ, READ),
    "tenants": (CHANGE, READ, READ),
    "shares": (CHANGE, "", ""),
    "idempotency_keys": (ALL, "SELECT, UPDATE, DELETE", ""),
    "api_keys": (CHANGE, "", ""),
    "files": (ALL, "SELECT, DELETE", ""),
    "uploads": (ALL, "SELECT, DELETE", ""),
    "jobs": (CHANGE, "SELECT, UPDATE", "SELECT, UPDATE"),
    "job_events": (f"{ADD}, DELETE", f"{ADD}, DELETE", ADD),
    "batches": (CHANGE, "SELECT, UPDATE", ""),
    "webhook_endpoints": (
        CHANGE,
        "SELECT, UPDATE",
        "SELECT (id, tenant_id, events, all_jobs, disabled_at, deleted_at)",
    ),
    "webhook_defaults": (CHANGE, READ, ""),
    "webhook_deliveries": (ALL, ALL, ADD),
    "webhook_attempts": (ALL, ALL, ""),
    "audit_records": (f"{ADD}, UPDATE (prompts)", CHANGE, "INSERT"),
    "audit_head": (READ, "SELECT, UPDATE", ""),
    "audit_erased": (READ, CHANGE, ""),
    "marks": (READ, "SELECT, DELETE", ADD),
    "strikes": (CHANGE, "SELECT, DELETE", ADD),
    "hash_bank_entries": (ALL, "", READ),
    "cases": (CHANGE, CHANGE, ADD),
    "case_skips": (f"{ADD}, DELETE", "SELECT, DELETE", ""),
    "exposures": (ADD, "", ""),
    "reveals": (ADD, "", ""),
    "bulk_decisions": (CHANGE, "", ""),
    "moderators": (CHANGE, "", ""),
    "console_sessions": (ALL, "", ""),
    "forecasts": (READ, ALL, ""),
    "measures": (CHANGE, "", ""),
    "tenant_retention": (ALL, READ, ""),
    "retention_progress": ("SELECT, DELETE", ALL, ""),
    "usage_hours": (READ, ADD, ""),
    "usage_progress": (READ, CHANGE, ""),
}
_TRIGGER = """
CREATE OR REPLACE FUNCTION refuse_audit_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'an audit record can be sealed once and emptied, no more' USING ERRCODE = 'check_violation';
END $$;
DROP TRIGGER IF EXISTS audit_kept ON audit_records;
CREATE TRIGGER audit_kept BEFORE UPDATE ON audit_records FOR EACH ROW WHEN ({changed}) EXECUTE FUNCTION
    refuse_audit_change()"""
# Decisions and what became of them, for those who look over everybody's shoulder; no key, no secret, no account.
AUDITED = ("alembic_version", "tenants", "jobs", "job_events", "cases", "audit_records", "audit_head", "audit_erased")


def role_statements(prefix: str = "inpaintd") -> Iterator[str]:
    """SQL that makes the roles `<prefix>_api` and so on, without passwords, with their rights in the schema `public`.

    It can be run again, as after each migration, and takes back what a role had beyond these. Raises SettingsError
    for a prefix that is no plain name.
    """
    if not re.fullmatch(_NAME, prefix):
        raise SettingsError(f"{prefix!r} is no prefix for roles; use lower-case letters, digits and underscores.")
    for role in Role:
        name = f"{prefix}_{role}"
        yield (
            f"DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{name}') "
            f"THEN CREATE ROLE {name} LOGIN; END IF; END $$"
        )
        yield f"GRANT USAGE ON SCHEMA public TO {name}"
    yield f"GRANT CREATE ON SCHEMA public TO {prefix}_{Role.MIGRATOR}"
    users = ", ".join(f"{prefix}_{role}" for role in Role if role is not Role.MIGRATOR)
    yield f"REVOKE ALL ON ALL TABLES IN SCHEMA public FROM {users}, PUBLIC"
    for table, rights in RIGHTS.items():
        for role, right in zip((Role.API, Role.KEEPER, Role.WORKER), rights, strict=True):
            if right:
                yield f"GRANT {right} ON {table} TO {prefix}_{role}"
    for table in AUDITED:
        yield f"GRANT SELECT ON {table} TO {prefix}_{Role.AUDITOR}"
    # The feed of events shows nothing behind which another role's transaction may still write: see storage/feed.py.
    yield f"GRANT pg_read_all_stats TO {prefix}_{Role.API}"
    yield _TRIGGER.format(changed=" OR ".join(_changes())).strip()


def _changes() -> Iterator[str]:
    """When an UPDATE of an audit record is more than sealing or emptying it."""
    for name in ("subject", "id", "at"):
        yield f"NEW.{name} IS DISTINCT FROM OLD.{name}"
    for name in ("seq", "commitments", "previous", "hash"):
        yield f"(OLD.seq IS NOT NULL AND NEW.{name} IS DISTINCT FROM OLD.{name})"
    for name in CLASSES:
        yield f'(NEW."{name}" IS NOT NULL AND NEW."{name}" IS DISTINCT FROM OLD."{name}")'
