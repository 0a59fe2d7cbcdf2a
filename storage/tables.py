"""The tables, as SQLAlchemy sees them. Migrations create them; a test holds both against each other."""

from __future__ import annotations

from datetime import UTC, datetime

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from storage.database import db_now

metadata = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

Json = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
Id = sa.String(40)


class Moment(sa.types.TypeDecorator[datetime]):
    """A point in time, timezone-aware UTC on the Python side. SQLite stores it without the zone."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        """UTC for the database; naive for SQLite, whose text form has no zone."""
        if value is None:
            return None
        utc = value.astimezone(UTC)
        return utc.replace(tzinfo=None) if dialect.name == "sqlite" else utc

    def process_result_value(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:  # noqa: ARG002
        """Always aware, always UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def partial_index(name: str, *columns: str, where: str) -> sa.Index:
    """An index over the rows that fit `where` alone, in either database."""
    return sa.Index(name, *columns, postgresql_where=sa.text(where), sqlite_where=sa.text(where))


tenants = sa.Table(
    "tenants",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("name", sa.String(200), nullable=False, unique=True),
    sa.Column("weight", sa.Float, nullable=False, server_default="1"),
    # Limits; NULL is none. See storage/tenant_store.py.
    sa.Column("max_queued", sa.Integer),
    sa.Column("max_running", sa.Integer),
    sa.Column("requests_per_second", sa.Float),
    # By the database's clock, in seconds since 1970; 0 for never.
    sa.Column("next_request_at", sa.Float, nullable=False, server_default="0"),
    sa.Column("created_at", Moment, nullable=False),
)

# Finish tag of the last job of each flow, see storage/tags.py.
shares = sa.Table(
    "shares",
    metadata,
    sa.Column("tenant_id", Id, sa.ForeignKey("tenants.id"), primary_key=True),
    sa.Column("model_alias", sa.String(64), primary_key=True),
    sa.Column("priority", sa.String(12), primary_key=True),
    sa.Column("last_key", sa.Float, nullable=False),
)

idempotency_keys = sa.Table(
    "idempotency_keys",
    metadata,
    sa.Column("tenant_id", Id, sa.ForeignKey("tenants.id"), primary_key=True),
    sa.Column("key", sa.String(255), primary_key=True),
    sa.Column("fingerprint", sa.String(64), nullable=False),
    sa.Column("job_id", Id, nullable=False),
    # The answer as it was first sent; NULL until then.
    sa.Column("status", sa.Integer),
    sa.Column("body", Json),
    sa.Column("created_at", Moment, nullable=False, index=True),
    sa.Index("ix_idempotency_keys_job", "job_id"),
)

api_keys = sa.Table(
    "api_keys",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("tenant_id", Id, sa.ForeignKey("tenants.id"), nullable=False, index=True),
    sa.Column("sha256", sa.String(64), nullable=False, unique=True),
    sa.Column("scopes", Json, nullable=False),
    sa.Column("name", sa.String(100), nullable=False, server_default=""),
    # The first characters of its text, by which its owner tells it from others.
    sa.Column("hint", sa.String(20), nullable=False, server_default=""),
    sa.Column("created_at", Moment, nullable=False),
    sa.Column("expires_at", Moment),
    sa.Column("revoked_at", Moment),
    # To within some minutes: see storage/key_store.py.
    sa.Column("last_used_at", Moment),
)

files = sa.Table(
    "files",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("tenant_id", Id, sa.ForeignKey("tenants.id"), nullable=False),
    sa.Column("key", sa.String(300), nullable=False),
    sa.Column("sha256", sa.String(64), nullable=False),
    sa.Column("content_type", sa.String(40), nullable=False),
    sa.Column("size", sa.Integer, nullable=False),
    sa.Column("width", sa.Integer, nullable=False),
    sa.Column("height", sa.Integer, nullable=False),
    sa.Column("created_at", Moment, nullable=False),
    sa.Index("ix_files_tenant", "tenant_id", "id"),
)

# Files to come, see storage/upload_store.py.
uploads = sa.Table(
    "uploads",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("tenant_id", Id, sa.ForeignKey("tenants.id"), nullable=False, index=True),
    sa.Column("size", sa.Integer, nullable=False),
    sa.Column("sha256", sa.String(64)),
    sa.Column("content_type", sa.String(40)),
    sa.Column("created_at", Moment, nullable=False, index=True),
)

jobs = sa.Table(
    "jobs",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("tenant_id", Id, sa.ForeignKey("tenants.id"), nullable=False),
    sa.Column("state", sa.String(10), nullable=False),
    sa.Column("held_at", sa.String(10)),
    # The fencing token: +1 at each claim, never reset. A late write of an earlier attempt matches no row.
    sa.Column("attempt", sa.Integer, nullable=False, server_default="0"),
    sa.Column("crash_count", sa.Integer, nullable=False, server_default="0"),
    sa.Column("error_count", sa.Integer, nullable=False, server_default="0"),
    sa.Column("solo", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("priority", sa.String(12), nullable=False),
    sa.Column("cost", sa.Float, nullable=False),
    sa.Column("fair_key", sa.Float, nullable=False),
    sa.Column("model_alias", sa.String(64), nullable=False),
    sa.Column("model", Json, nullable=False),
    sa.Column("not_before", Moment, nullable=False),
    sa.Column("deadline_at", Moment),
    sa.Column("lease_owner", sa.String(100)),
    sa.Column("lease_expires_at", Moment),
    sa.Column("cancel_requested", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("step", sa.Integer, nullable=False, server_default="0"),
    sa.Column("steps", sa.Integer, nullable=False),
    sa.Column("params", Json, nullable=False),
    sa.Column("image_key", sa.String(300), nullable=False),
    sa.Column("mask_key", sa.String(300)),
    sa.Column("safety", Json, nullable=False),
    sa.Column("receipt", Json, nullable=False),
    sa.Column("images", Json, nullable=False),
    sa.Column("error", Json),
    sa.Column("user", sa.String(100)),
    sa.Column("metadata", Json, nullable=False),
    sa.Column("batch", Id),
    # Its place in the body that the batch came in, from 1, and the caller's name for it there.
    sa.Column("line", sa.Integer),
    sa.Column("custom_id", sa.String(64)),
    # The endpoint that the job itself named; no foreign key, see storage/webhook_tables.py.
    sa.Column("webhook_id", Id),
    # What was asked for, hashed, to know a request that is sent again; NULL where nobody would repeat it.
    sa.Column("fingerprint", sa.String(64)),
    # Where it was submitted in its trace, as a W3C traceparent; NULL while nothing is traced.
    sa.Column("trace", sa.String(55)),
    # By what a request is recognized that is like this one: see safety/behavior.py.
    sa.Column("imprint", Json),
    sa.Column("created_at", Moment, nullable=False),
    sa.Column("started_at", Moment),
    sa.Column("finished_at", Moment),
    # When its owner asked for its content to be erased, and when that was done, for this reason or by its age.
    sa.Column("erase_asked_at", Moment),
    sa.Column("erased_at", Moment),
    # The same for a part of its content that was kept for a shorter time, see storage/retention.py.
    sa.Column("inputs_erased_at", Moment),
    sa.Column("results_erased_at", Moment),
    sa.Column("prompts_erased_at", Moment),
    # How to read the row: see storage/formats.py.
    sa.Column("format", sa.Integer, nullable=False, server_default="1"),
    # When its result was taken back by a person, and which job's overturned refusal it carries on.
    sa.Column("withdrawn_at", Moment),
    sa.Column("replaces", Id),
    sa.Index("ix_jobs_tenant", "tenant_id", "id"),
    # Listings by what few of a tenant's jobs have; what most have is found soon by walking along ix_jobs_tenant.
    partial_index("ix_jobs_tenant_batch", "tenant_id", "batch", "id", where="batch IS NOT NULL"),
    partial_index("ix_jobs_tenant_user", "tenant_id", "user", "id", where='"user" IS NOT NULL'),
    partial_index(
        "ix_jobs_tenant_rare",
        "tenant_id",
        "state",
        "id",
        where="state IN ('failed', 'blocked', 'canceled', 'expired')",
    ),
    partial_index("ix_jobs_erase_asked", "id", where="erase_asked_at IS NOT NULL AND erased_at IS NULL"),
    partial_index("ix_jobs_fingerprint", "tenant_id", "fingerprint", where="fingerprint IS NOT NULL"),
    # Partial indexes keep the claim and the reaper away from the history.
    partial_index("ix_jobs_queued", "model_alias", "fair_key", "id", where="state = 'queued'"),
    partial_index("ix_jobs_solo", "model_alias", "not_before", where="state = 'queued' AND solo"),
    partial_index("ix_jobs_tenant_queued", "tenant_id", where="state = 'queued'"),
    partial_index("ix_jobs_tenant_running", "tenant_id", where="state = 'running'"),
    partial_index("ix_jobs_ended", "finished_at", "id", where="finished_at IS NOT NULL"),
    # How a batch stands is a count in this index alone; whether it has ended, three looks into it.
    partial_index("ix_jobs_batch_state", "tenant_id", "batch", "state", where="batch IS NOT NULL"),
    partial_index("ix_jobs_held", "id", where="state = 'held'"),
    partial_index("ix_jobs_running", "lease_expires_at", where="state = 'running'"),
    # The largest key ever claimed of a model is its virtual time: one look at the end of this index.
    partial_index("ix_jobs_claimed_key", "model_alias", "fair_key", where="attempt > 0"),
    partial_index(
        "ix_jobs_deadline", "deadline_at", where="state IN ('queued', 'running', 'held') AND deadline_at IS NOT NULL"
    ),
)

# The history of a tenant: of its jobs and, where `job_id` is NULL, of its batches.
job_events = sa.Table(
    "job_events",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("job_id", Id, sa.ForeignKey("jobs.id")),
    # No foreign key: a batch is never removed.
    sa.Column("batch_id", Id),
    sa.Column("tenant_id", Id, nullable=False),
    sa.Column("type", sa.String(40), nullable=False),
    sa.Column("attempt", sa.Integer, nullable=False),
    sa.Column("data", Json, nullable=False),
    sa.Column("at", Moment, nullable=False, default=db_now()),
    sa.Index("ix_job_events_job", "job_id", "id"),
    sa.Index("ix_job_events_feed", "tenant_id", "at", "id"),
)
