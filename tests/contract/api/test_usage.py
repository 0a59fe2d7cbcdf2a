"""GET /v1/usage."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tests.contract.api.serving import Tenant, finish, photo
from tests.contract.api.test_bad_input import refused


def test_it_counts_what_ended_day_by_day(tenant: Tenant, stranger: Tenant) -> None:
    finish(tenant.stack.services, tenant.accepted()["id"], photo())
    tenant.http.post(f"/v1/jobs/{tenant.accepted()['id']}/cancel")
    tenant.accepted()
    upload = {"file": ("a.png", photo())}
    tenant.http.post("/v1/files", files=upload)
    said = tenant.http.get("/v1/usage").json()
    assert len(said["days"]) == 30
    assert said["days"][-1]["date"] == datetime.now(UTC).date().isoformat()
    assert said["total"]["jobs"] == {"succeeded": 1, "failed": 0, "blocked": 0, "canceled": 1, "expired": 0}
    assert (said["total"]["images"], said["total"]["unet_rows"]) == (1, 60)
    assert said["files"] == {"count": 1, "bytes": len(photo())}
    assert stranger.http.get("/v1/usage").json()["total"]["images"] == 0


def test_days_are_chosen_and_both_ends_count(tenant: Tenant) -> None:
    tenant.http.post(f"/v1/jobs/{tenant.accepted()['id']}/cancel")
    today = datetime.now(UTC).date()
    span = {"from": str(today - timedelta(2)), "to": str(today)}
    days = tenant.http.get("/v1/usage", params=span).json()["days"]
    assert [day["jobs"]["canceled"] for day in days] == [0, 0, 1]
    alone = tenant.http.get("/v1/usage", params={"from": "2020-02-29", "to": "2020-02-29"}).json()
    assert [day["date"] for day in alone["days"]] == ["2020-02-29"]


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ({"from": "2026-02-02", "to": "2026-02-01"}, "out_of_range"),
        ({"from": "2020-01-01", "to": "2026-02-01"}, "out_of_range"),
        ({"to": "9999-12-31"}, "out_of_range"),
        ({"from": "yesterday"}, "wrong_type"),
        ({"day": "2026-02-01"}, "field_unknown"),
    ],
)
def test_what_cannot_be_meant_is_refused(tenant: Tenant, query: dict[str, str], code: str) -> None:
    refused(tenant.http.get("/v1/usage", params=query), 422, code)


def test_the_beginning_of_time_is_a_day_like_any_other(tenant: Tenant) -> None:
    assert tenant.http.get("/v1/usage", params={"to": "0001-01-02"}).status_code in (200, 422)
