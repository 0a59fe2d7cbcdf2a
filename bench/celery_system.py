"""The peer that most people would write: a Celery task on Redis that writes one status row to PostgreSQL."""

from __future__ import annotations

import os

from celery import Celery
from psycopg_pool import ConnectionPool

app = Celery("bench", broker=os.environ["BENCH_REDIS_URL"])
# As durable as Celery gets: acknowledged after the work, never stored in a result backend that is thrown away.
app.conf.update(task_acks_late=True, task_ignore_result=True, worker_hijack_root_logger=False)
pool = ConnectionPool(os.environ["BENCH_DATABASE_URL"], min_size=1, max_size=32, open=False)
WRITE = "INSERT INTO status (id, state, finished_at) VALUES (%s, 'succeeded', clock_timestamp())"


@app.task(name="paint", queue="paint")
def paint(job_id: str) -> None:
    """Writes its status row, committed before it is acknowledged."""
    pool.open()
    with pool.connection() as connection:
        connection.execute(WRITE, (job_id,))
