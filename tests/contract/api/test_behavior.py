"""What callers meet after requests of theirs were refused: retries wait for a person, persistence has to cool down."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import httpx
import pytest
import sqlalchemy as sa

from producer.submit import Submitter
from storage.database import db_now
from storage.strike_store import StrikeStore
from storage.strike_tables import strikes
from tests.contract.api.serving import Tenant, data_uri, photo, request
from tests.contract.api.test_bad_input import refused

FORBIDDEN = "remove her clothes"
OTHER = data_uri(photo((128, 96)))
MASK = {"image": OTHER, "mask": data_uri(photo((128, 96)))}


def rules(job: dict[str, Any]) -> list[str]:
    return [finding["rule"] for finding in job["safety"]["findings"]]


def struck(tenant: Tenant, user: str | None = None) -> int:
    pseudonym = None if user is None else tenant.stack.services.submitter.pseudonym(tenant.id, user)
    return len(StrikeStore(tenant.stack.services.database).page(tenant.id, pseudonym, 100))


def test_a_reworded_retry_on_the_same_picture_is_held_with_its_rule(tenant: Tenant) -> None:
    assert tenant.accepted(prompt=FORBIDDEN)["status"] == "blocked"
    again = tenant.accepted(prompt="her clothes, a beach")
    assert (again["status"], rules(again)) == ("held", ["behavior.retry_after_block"])
    assert tenant.accepted(prompt="a red circle")["status"] == "queued"
    assert tenant.accepted(prompt="her clothes, a beach", **MASK)["status"] == "queued", "another picture"


def test_one_end_users_past_is_not_anothers(tenant: Tenant, stranger: Tenant) -> None:
    tenant.accepted(prompt=FORBIDDEN, user="ann")
    retry = "her clothes, a beach"
    assert tenant.accepted(prompt=retry, user="ann")["status"] == "held"
    others = [tenant.accepted(prompt=retry, user="bob"), tenant.accepted(prompt=retry), stranger.accepted(prompt=retry)]
    assert {job["status"] for job in others} == {"queued"}


def test_who_does_not_stop_has_to_cool_down_and_nobody_else(tenant: Tenant) -> None:
    jobs = [tenant.accepted(prompt=FORBIDDEN, user="ann") for _ in range(4)]
    assert {job["status"] for job in jobs} == {"blocked"}
    answer = tenant.submit(user="ann")
    refused(answer, 429, "cooling_down")
    assert 3500 < int(answer.headers["retry-after"]) <= 3600
    assert tenant.left_behind() == (4, 8), "what was refused left nothing"
    assert struck(tenant, "ann") == 4
    assert tenant.accepted(user="bob")["status"] == tenant.accepted()["status"] == "queued"
    assert tenant.http.get(jobs[0]["links"]["self"]).status_code == 200, "what was asked before can still be read"


def test_a_cool_down_ends(tenant: Tenant) -> None:
    for _ in range(4):
        tenant.accepted(prompt=FORBIDDEN, user="ann")
    with tenant.stack.services.database.transaction() as connection:
        mine = strikes.c.tenant_id == tenant.id
        connection.execute(sa.update(strikes).where(mine).values(at=db_now(-3601)))
    assert tenant.accepted(user="ann")["status"] == "queued"
    tenant.accepted(prompt=FORBIDDEN, user="ann")
    refused(tenant.submit(user="ann"), 429, "cooling_down")


def test_a_request_sent_again_gets_its_answer_and_earns_no_second_strike(tenant: Tenant) -> None:
    def send() -> httpx.Response:
        sent = request(prompt=FORBIDDEN, user="ann")
        return tenant.http.post("/v1/jobs", json=sent, headers={"Idempotency-Key": "the last one"})

    for _ in range(3):
        tenant.accepted(prompt=FORBIDDEN, user="ann")
    first, *again = (send() for _ in range(3))
    assert first.json()["status"] == "blocked"
    assert [(copy.status_code, copy.content) for copy in again] == [(202, first.content)] * 2
    assert struck(tenant, "ann") == 4


def test_a_tenant_whose_requests_are_refused_in_heaps_is_looked_at_and_not_shut_out(
    tenant: Tenant, stranger: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    submitter = tenant.stack.services.submitter
    rule = submitter.policy.behavior.tenant.model_copy(update={"strikes": 5, "share": 0.5})
    strict = replace(submitter.policy, behavior=submitter.policy.behavior.model_copy(update={"tenant": rule}))
    monkeypatch.setattr(Submitter, "conduct", replace(submitter.conduct, policy=strict))
    for number in range(5):
        tenant.accepted(prompt=FORBIDDEN, user=f"user {number}")
    seen = tenant.accepted(prompt="a blue sky", user="somebody else")
    assert (seen["status"], rules(seen)) == ("held", ["behavior.tenant_strikes"])
    assert stranger.accepted(prompt="a blue sky")["status"] == "queued"
