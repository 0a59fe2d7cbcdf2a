"""What one job costs PostgreSQL in rows, bytes and log, by jobs that went their whole way, and the pace of sealing."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

import psycopg

from bench.queue_records import recorded_job, result_record
from storage.audit_store import AuditStore
from storage.database import Database
from storage.job_store import JobStore
from storage.key_store import KeyStore
from storage.lease_store import LeaseStore
from storage.mark import MarkRecord
from storage.submissions import Submissions
from storage.webhook_store import WebhookStore
from tests import databases, servers
from tests.jobs import result

JOBS, GROUP = 4000, 50
# As of a square picture, see safety.fingerprint.
FINGERPRINT = {"pdq": "12" * 32, "pdq_quality": 97, "rows": 16, "columns": 16, "cells": "7f" * 256}
MARK = MarkRecord("0a1b2c3d4", "07", 0, 512, 512, (100, 100, 300, 300), FINGERPRINT, "manifests/x/1-0", "56" * 32)


@dataclass(frozen=True, slots=True)
class Cost:
    """`tables` are name, rows a job and bytes a job with indexes, largest first; `sealed` is records a second."""

    tables: list[tuple[str, float, int]]
    log_bytes: int
    sealed: float


def measure() -> Cost:
    """On a fresh PostgreSQL that flushes its log."""
    with servers.postgres() as server, databases.migrated_postgres(server.uri, "scale") as url:
        database = Database(url)
        with psycopg.connect(url, autocommit=True) as connection:
            began = _log(connection)
            _work(database)
            sealed = _seal(database)
            written = _log(connection) - began
            connection.execute("VACUUM (FULL, ANALYZE)")
            sizes = "SELECT relname, reltuples, pg_total_relation_size(oid) FROM pg_class WHERE relkind = 'r'"
            found = connection.execute(f"{sizes} AND relnamespace = 'public'::regnamespace").fetchall()
        database.close()
    grown = [(name, round(rows / JOBS, 1), round(size / JOBS)) for name, rows, size in found if rows >= JOBS / 2]
    return Cost(sorted(grown, key=lambda row: -row[2]), round(written / JOBS), sealed)


def _work(database: Database) -> None:
    tenant = KeyStore(database).create_tenant("acme")
    WebhookStore(database).create(tenant, "https://shop.example/hook", ["job.succeeded"])
    submissions, leases, jobs = Submissions(database), LeaseStore(database), JobStore(database)
    for _ in range(JOBS // GROUP):
        submissions.submit_many([recorded_job(tenant) for _ in range(GROUP)])
        for job in leases.claim("bench", models=["default"], limit=GROUP):
            jobs.succeed(job, replace(result(job), marks=(MARK,)), [result_record(job.id)])


def _seal(database: Database) -> float:
    began, store, records = time.perf_counter(), AuditStore(database), 0
    while done := store.seal():
        records += done
    return records / (time.perf_counter() - began)


def _log(connection: psycopg.Connection[tuple[int, ...]]) -> int:
    row = connection.execute("SELECT pg_current_wal_lsn() - '0/0'::pg_lsn").fetchone()
    return 0 if row is None else int(row[0])
