"""Alembic's entry point: runs the migrations on the connection that storage.database.migrate hands in."""

from alembic import context

from storage import (
    audit_tables,
    bank_tables,
    batch_tables,
    bulk_tables,
    case_tables,
    forecast_tables,
    mark_tables,
    measure_tables,
    moderator_tables,
    retention_tables,
    strike_tables,
    usage_tables,
    webhook_tables,
)

# Every module that adds tables to the one metadata.
MODULES = (
    audit_tables,
    bank_tables,
    batch_tables,
    bulk_tables,
    case_tables,
    forecast_tables,
    mark_tables,
    measure_tables,
    moderator_tables,
    retention_tables,
    strike_tables,
    usage_tables,
    webhook_tables,
)

context.configure(
    connection=context.config.attributes["connection"], target_metadata=MODULES[0].metadata, render_as_batch=True
)
with context.begin_transaction():
    context.run_migrations()
