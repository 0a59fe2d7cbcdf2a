"""What POST /v1/jobs is measured against: FastAPI and one INSERT, as anybody would write it.

    python -m bench.bare_api DATABASE_URL PORT

A synchronous route, a pool of connections, one commit for each request; no key, no checks, no history.
"""

from __future__ import annotations

import sys
from datetime import datetime
from typing import Any

import sqlalchemy as sa
import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel
from sqlalchemy.dialects.postgresql import JSONB

from storage.ids import new_id

metadata = sa.MetaData()
orders = sa.Table(
    "orders",
    metadata,
    sa.Column("id", sa.String(40), primary_key=True),
    sa.Column("state", sa.String(10), nullable=False),
    sa.Column("params", JSONB, nullable=False),
    sa.Column("created_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
)


class NewOrder(BaseModel):
    """The body."""

    image: str
    mask: str
    prompt: str
    steps: int = 30


class Order(NewOrder):
    """The answer."""

    id: str
    state: str
    created_at: datetime


def create_app(database_url: str) -> FastAPI:
    """The application, on a database whose table it makes."""
    url = sa.make_url(database_url).set(drivername="postgresql+psycopg")
    engine = sa.create_engine(url, pool_size=10)
    metadata.create_all(engine)
    app = FastAPI()

    @app.post("/orders", status_code=202)
    def submit(order: NewOrder) -> Order:
        """Stores one."""
        values: dict[str, Any] = {"id": new_id("order"), "state": "queued", "params": order.model_dump()}
        with engine.begin() as connection:
            made = connection.execute(sa.insert(orders).values(values).returning(orders.c.created_at)).scalar_one()
        return Order(**order.model_dump(), id=values["id"], state="queued", created_at=made)

    @app.get("/ready")
    async def ready() -> None:
        """Answers."""

    return app


if __name__ == "__main__":
    uvicorn.run(create_app(sys.argv[1]), port=int(sys.argv[2]), log_config=None, access_log=False)
