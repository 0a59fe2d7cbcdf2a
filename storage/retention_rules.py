"""Rules that tenants have of their own, and how far each rule has been carried out."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple

import sqlalchemy as sa

from storage.database import Database
from storage.errors import TenantNotFound
from storage.retention import MOST_DAYS, Kind, Rule
from storage.retention_tables import retention_progress, tenant_retention
from storage.tables import tenants

_EVERYBODY = ""


class Place(NamedTuple):
    """All jobs up to this one, in the order in which they ended."""

    finished_at: datetime
    job_id: str


class RetentionRules:
    """What tenants have of their own. Every method raises DatabaseUnavailable."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def all(self) -> dict[str, dict[Kind, float | None]]:
        """Days by kind, by tenant id; None keeps for ever."""
        found: dict[str, dict[Kind, float | None]] = defaultdict(dict)
        with self._database.reading() as connection:
            for row in connection.execute(sa.select(tenant_retention)):
                found[row.tenant_id][Kind(row.kind)] = row.days
        return dict(found)

    def of(self, name: str) -> dict[Kind, float | None]:
        """Those of the tenant called `name`. Raises TenantNotFound."""
        with self._database.reading() as connection:
            tenant_id = _tenant(connection, name)
            rows = connection.execute(sa.select(tenant_retention).where(tenant_retention.c.tenant_id == tenant_id))
            return {Kind(row.kind): row.days for row in rows}

    def set(self, name: str, days: Mapping[Kind, float | None], forgotten: frozenset[Kind] = frozenset()) -> None:
        """Gives the tenant rules of its own, and takes those for the kinds in `forgotten` away. Raises TenantNotFound,
        ValueError for days that do not lie above 0 and below MOST_DAYS.
        """
        for kind, kept in days.items():
            if kept is not None and not 0 < kept <= MOST_DAYS:
                raise ValueError(f"{kind} is {kept:g} days; it must lie above 0 and be {MOST_DAYS:g} at most, or none")
        changed = sorted({*days, *forgotten})
        with self._database.transaction() as connection:
            tenant_id = _tenant(connection, name)
            mine = sa.and_(tenant_retention.c.tenant_id == tenant_id, tenant_retention.c.kind.in_(changed))
            connection.execute(sa.delete(tenant_retention).where(mine))
            for kind, kept in days.items():
                connection.execute(sa.insert(tenant_retention).values(tenant_id=tenant_id, kind=kind, days=kept))
            # Its jobs change from one walk to another, which may have passed them already.
            walks = sa.and_(
                retention_progress.c.tenant_id.in_([_EVERYBODY, tenant_id]), retention_progress.c.kind.in_(changed)
            )
            connection.execute(sa.delete(retention_progress).where(walks))


def place_of(connection: sa.Connection, rule: Rule) -> Place | None:
    """Where to go on with `rule`; None is the beginning."""
    columns = (retention_progress.c.finished_at, retention_progress.c.job_id)
    rows = connection.execute(sa.select(*columns).where(_walks(rule))).all()
    return min(Place(*row) for row in rows) if len(rows) == len(rule.kinds) else None


def reach(connection: sa.Connection, rule: Rule, place: Place) -> None:
    """Notes that `rule` has been carried out up to `place`."""
    connection.execute(sa.delete(retention_progress).where(_walks(rule)))
    for kind in sorted(rule.kinds):
        walk = {"tenant_id": rule.group.tenant_id or _EVERYBODY, "kind": kind}
        connection.execute(sa.insert(retention_progress).values(**walk, **place._asdict()))


def _walks(rule: Rule) -> sa.ColumnElement[bool]:
    mine = retention_progress.c.tenant_id == (rule.group.tenant_id or _EVERYBODY)
    return sa.and_(mine, retention_progress.c.kind.in_(sorted(rule.kinds)))


def _tenant(connection: sa.Connection, name: str) -> str:
    tenant_id: str | None = connection.scalar(sa.select(tenants.c.id).where(tenants.c.name == name))
    if tenant_id is None:
        raise TenantNotFound(f"there is no tenant called {name!r}; `inpaintd keys create` makes one")
    return tenant_id
