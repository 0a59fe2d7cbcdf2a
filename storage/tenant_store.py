"""What a tenant may use: its weight in the fair share and its limits."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, fields

import sqlalchemy as sa

from storage.database import Database, db_epoch
from storage.errors import TenantNotFound, TooManyRequests
from storage.tables import tenants

# A tenant may save up as many requests as it gets in this time, and send them at once.
BURST_SECONDS = 2.0
LARGEST_WEIGHT = 1e6
# One request in a quarter of an hour; to keep a tenant out, take its keys away.
SLOWEST_RATE, FASTEST_RATE = 0.001, 1e6


@dataclass(frozen=True, slots=True)
class TenantLimits:
    """`weight` is the share relative to other tenants, above 0. None is no limit.

    `max_queued`: jobs that wait; more are refused. `max_running`: jobs that run at once; more wait.
    `requests_per_second`: authenticated requests, on average over two seconds; more are refused.
    """

    weight: float = 1.0
    max_queued: int | None = None
    max_running: int | None = None
    requests_per_second: float | None = None


NAMES = tuple(field.name for field in fields(TenantLimits))


class TenantStore:
    """Reads and sets limits, and counts requests against them."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def limits(self, name: str) -> TenantLimits:
        """The limits of the tenant called `name`. Raises TenantNotFound."""
        with self._database.reading() as connection:
            row = connection.execute(sa.select(tenants).where(tenants.c.name == name)).one_or_none()
        if row is None:
            raise TenantNotFound(f"there is no tenant called {name!r}; `inpaintd keys create` makes one")
        return TenantLimits(**{name: getattr(row, name) for name in NAMES})

    def id_of(self, name: str) -> str:
        """The id of the tenant called `name`. Raises TenantNotFound."""
        with self._database.reading() as connection:
            tenant_id: str | None = connection.scalar(sa.select(tenants.c.id).where(tenants.c.name == name))
        if tenant_id is None:
            raise TenantNotFound(f"there is no tenant called {name!r}; `inpaintd keys create` makes one")
        return tenant_id

    def names(self, tenant_ids: Collection[str]) -> dict[str, str]:
        """The names of these tenants, by id; who is unknown is left out. Raises DatabaseUnavailable."""
        named = sa.select(tenants.c.id, tenants.c.name).where(tenants.c.id.in_(set(tenant_ids)))
        with self._database.reading() as connection:
            return {row.id: row.name for row in connection.execute(named)}

    def set_limits(self, name: str, limits: TenantLimits) -> None:
        """Replaces them; jobs that wait or run stay. Raises TenantNotFound, ValueError for what cannot be meant."""
        _check(limits)
        values = {name: getattr(limits, name) for name in NAMES}
        with self._database.transaction() as connection:
            changed = connection.execute(sa.update(tenants).where(tenants.c.name == name).values(values))
        if changed.rowcount == 0:
            raise TenantNotFound(f"there is no tenant called {name!r}; `inpaintd keys create` makes one")

    def admit(self, tenant_id: str, requests_per_second: float) -> None:
        """Counts one request. Raises TooManyRequests.

        The generic cell rate algorithm (ITU-T I.371): one moment per tenant, by the database's clock, so that any
        number of API processes keep one limit together.
        """
        interval = 1.0 / requests_per_second
        due, now = tenants.c.next_request_at, db_epoch()
        free = due <= now + max(0.0, BURST_SECONDS - interval)
        paid = sa.case((due > now, due), else_=now) + interval
        with self._database.transaction() as connection:
            counted = sa.update(tenants).where(tenants.c.id == tenant_id, free).values(next_request_at=paid)
            if connection.execute(counted).rowcount == 0:
                raise TooManyRequests(f"more than {requests_per_second:g} requests a second", interval)


def _check(limits: TenantLimits) -> None:
    if not 0 < limits.weight <= LARGEST_WEIGHT:
        raise ValueError(f"weight is {limits.weight:g}; it must lie above 0 and be {LARGEST_WEIGHT:g} at most")
    for name in ("max_queued", "max_running"):
        value = getattr(limits, name)
        if value is not None and value < 1:
            raise ValueError(f"{name} is {value}; it must be 1 or more, or none")
    rate = limits.requests_per_second
    if rate is not None and not SLOWEST_RATE <= rate <= FASTEST_RATE:
        span = f"between {SLOWEST_RATE:g} and {FASTEST_RATE:g}"
        raise ValueError(f"requests_per_second is {rate:g}; it must lie {span}, or be none")
