"""Claims of a worker that serves several models."""

from __future__ import annotations

import pytest

from storage.database import Database, db_now
from storage.job import Job
from storage.lease_store import SOLO_PATIENCE_SECONDS
from storage.params import InpaintParams
from storage.tenant_store import TenantLimits, TenantStore
from tests.jobs import Desk, change


@pytest.fixture
def desk(database: Database) -> Desk:
    return Desk(database)


def submit(desk: Desk, model: str, **params: int) -> Job:
    return desk.submit(params=InpaintParams(model=model, **params).resolved(native_size=64, seed=1))


def claim(desk: Desk, *models: str, limit: int = 1, alone: bool = False) -> list[str]:
    return [job.id for job in desk.leases.claim("w1", models=models, limit=limit, alone=alone)]


def test_models_are_asked_in_the_order_given_whatever_their_tags_say(desk: Desk) -> None:
    busy, quiet = [submit(desk, "busy", steps=150).id for _ in range(3)], submit(desk, "quiet", steps=1).id
    assert claim(desk, "busy", "quiet") == busy[:1]
    assert claim(desk, "quiet", "busy", limit=2) == [quiet, busy[1]]
    assert claim(desk, "busy") == busy[2:]


def test_a_model_that_is_not_served_is_left_alone(desk: Desk) -> None:
    other = submit(desk, "other").id
    assert claim(desk, "default", "quiet", limit=5) == []
    assert claim(desk, "other") == [other]


def test_a_tenants_limit_holds_for_all_models_together(desk: Desk, database: Database) -> None:
    TenantStore(database).set_limits("acme", TenantLimits(max_running=3))
    jobs = [submit(desk, model).id for model in ("a", "b") for _ in range(3)]
    assert claim(desk, "a", "b", limit=10) == [jobs[0], jobs[1], jobs[2]]
    assert claim(desk, "b", "a", limit=10) == []


def test_a_suspect_of_one_model_is_made_room_for_by_the_other(desk: Desk, database: Database) -> None:
    suspect, plain = submit(desk, "a").id, submit(desk, "b").id
    change(database, suspect, solo=True, not_before=db_now(-SOLO_PATIENCE_SECONDS - 1))
    assert claim(desk, "b", "a", limit=4) == [], "runs empty for its sake"
    assert claim(desk, "a", "b", limit=4, alone=True) == [suspect]
    assert claim(desk, "b", "a", limit=4) == [plain]
