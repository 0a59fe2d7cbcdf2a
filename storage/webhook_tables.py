"""The tables of webhooks. Nothing a worker's transaction inserts here refers to an endpoint by a foreign key: a job
must never fail to complete because somebody deletes the endpoint that would have been told."""

from __future__ import annotations

import sqlalchemy as sa

from storage.tables import Id, Json, Moment, partial_index
from storage.tables import metadata as metadata

# The delivery's id is made of two ids: dlv_<event>_<endpoint>.
DeliveryId = sa.String(80)

webhook_endpoints = sa.Table(
    "webhook_endpoints",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("tenant_id", Id, sa.ForeignKey("tenants.id"), nullable=False),
    sa.Column("url", sa.String(1000), nullable=False),
    # ",job.failed,job.succeeded,": see storage/webhook.py.
    sa.Column("events", sa.String(300), nullable=False),
    sa.Column("all_jobs", sa.Boolean, nullable=False),
    # Newest first; NULL where the tenant's default secrets sign.
    sa.Column("secrets", Json),
    sa.Column("failures", sa.Integer, nullable=False, server_default="0"),
    sa.Column("opened_until", Moment),
    sa.Column("disabled_at", Moment),
    sa.Column("disabled_reason", sa.String(200)),
    sa.Column("deleted_at", Moment),
    sa.Column("created_at", Moment, nullable=False),
    partial_index("ix_webhook_endpoints_live", "tenant_id", "id", where="all_jobs AND deleted_at IS NULL"),
    sa.Index(
        "ix_webhook_endpoints_implicit",
        "tenant_id",
        "url",
        "events",
        unique=True,
        postgresql_where=sa.text("NOT all_jobs"),
        sqlite_where=sa.text("NOT all_jobs"),
    ),
)

# Sign what goes to the endpoints that a job's own `webhook_url` made.
webhook_defaults = sa.Table(
    "webhook_defaults",
    metadata,
    sa.Column("tenant_id", Id, sa.ForeignKey("tenants.id"), primary_key=True),
    sa.Column("secrets", Json, nullable=False),
)

webhook_deliveries = sa.Table(
    "webhook_deliveries",
    metadata,
    sa.Column("id", DeliveryId, primary_key=True),
    sa.Column("tenant_id", Id, nullable=False),
    sa.Column("endpoint_id", Id, nullable=False),
    sa.Column("event_id", Id, nullable=False),
    sa.Column("job_id", Id),
    sa.Column("type", sa.String(40), nullable=False),
    # NULL until the first attempt; from then on every attempt sends these very bytes.
    sa.Column("payload", sa.Text),
    sa.Column("state", sa.String(10), nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),
    sa.Column("next_at", Moment, nullable=False),
    sa.Column("leased_until", Moment),
    sa.Column("created_at", Moment, nullable=False),
    sa.Column("delivered_at", Moment),
    partial_index("ix_webhook_deliveries_due", "next_at", "endpoint_id", where="state = 'pending'"),
    partial_index("ix_webhook_deliveries_pending", "endpoint_id", "next_at", where="state = 'pending'"),
    partial_index(
        "ix_webhook_deliveries_leased", "endpoint_id", where="state = 'pending' AND leased_until IS NOT NULL"
    ),
    sa.Index("ix_webhook_deliveries_endpoint", "endpoint_id", "id"),
    sa.Index("ix_webhook_deliveries_tenant", "tenant_id", "id"),
    sa.Index("ix_webhook_deliveries_job", "job_id"),
)

webhook_attempts = sa.Table(
    "webhook_attempts",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("delivery_id", DeliveryId, nullable=False),
    sa.Column("at", Moment, nullable=False),
    sa.Column("status", sa.Integer),
    sa.Column("error", sa.String(300)),
    sa.Column("milliseconds", sa.Integer, nullable=False),
    sa.Column("answer", sa.String(500), nullable=False),
    sa.Index("ix_webhook_attempts_delivery", "delivery_id", "id"),
)
