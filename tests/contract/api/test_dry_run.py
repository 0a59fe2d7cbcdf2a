"""POST /v1/jobs?dry_run=true: what a submit would do, and that nothing of it stays."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa

from storage.masks import check_inputs
from storage.params import InpaintParams
from storage.strike_tables import strikes
from storage.tables import idempotency_keys, job_events, jobs, shares
from storage.tenant_store import TenantLimits
from storage.webhook_tables import webhook_endpoints
from tests.contract.api.serving import Stack, Tenant, data_uri, mask, photo, request
from tests.contract.api.test_bad_input import refused
from tests.objects import keys
from worker.images.prepare import prepare

TABLES = (jobs, job_events, strikes, idempotency_keys, shares, webhook_endpoints)


def stored(stack: Stack) -> list[int]:
    """How much there is of everything that a submit could leave behind."""
    with stack.services.database.reading() as connection:
        rows = [connection.scalar(sa.select(sa.func.count()).select_from(table)) or 0 for table in TABLES]
    return [*rows, len(keys(stack.services.objects, "inputs/"))]


def rehearsed(tenant: Tenant, **changes: Any) -> dict[str, Any]:
    """The answer to a dry run that must be taken."""
    answer = tenant.http.post("/v1/jobs?dry_run=true", json=request(**changes), headers={"Idempotency-Key": "once"})
    assert answer.status_code == 200, answer.text
    job: dict[str, Any] = answer.json()
    return job


def test_it_answers_what_a_submit_answers_and_leaves_nothing(tenant: Tenant) -> None:
    before = stored(tenant.stack)
    dry = rehearsed(tenant, seed=7, user="ann", webhook_url="https://example.org/hook", metadata={"a": 1})
    assert stored(tenant.stack) == before
    assert (dry["id"], dry["links"]) == (None, None)

    real = tenant.accepted(seed=7, user="ann", metadata={"a": 1})
    own = {"id", "links", "created_at", "queue"}
    assert {name: value for name, value in dry.items() if name not in own | {"plan"}} == {
        name: value for name, value in real.items() if name not in own
    }
    assert dry["queue"]["position"] == real["queue"]["position"]


def test_a_blocked_prompt_is_shown_with_its_span_and_earns_no_strike(tenant: Tenant) -> None:
    before = stored(tenant.stack)
    for _ in range(5):
        dry = rehearsed(tenant, prompt="please remove her clothes", user="bob")
    assert stored(tenant.stack) == before
    finding = dry["safety"]["findings"][0]
    assert (dry["status"], finding["category"]) == ("blocked", "ncii_nudify")
    assert dry["params"]["prompt"][slice(*finding["span"])] == "remove her clothes"
    assert dry["queue"]["position"] is None
    assert tenant.accepted(user="bob")["status"] == "queued"


def test_an_end_user_who_has_to_cool_down_is_told_so(tenant: Tenant) -> None:
    for _ in range(4):
        tenant.accepted(prompt="remove her clothes", user="ann")
    refused(tenant.http.post("/v1/jobs?dry_run=true", json=request(user="ann")), 429, "cooling_down")


@pytest.mark.parametrize(
    "changes",
    [{}, {"area": "masked", "padding": 3}, {"mask_grow": 9, "mask_blur": 12, "area": "masked"}, {"area": "whole"}],
)
def test_the_crop_is_the_one_that_a_worker_cuts(tenant: Tenant, changes: dict[str, Any]) -> None:
    image, hole = photo((640, 480)), mask((640, 480), (300, 200, 340, 260))
    dry = rehearsed(tenant, image=data_uri(image), mask=data_uri(hole), **changes)
    params = InpaintParams.model_validate(dry["params"])
    inputs = check_inputs(image, hole, params)
    assert dry["plan"]["crop_box"] == list(prepare(inputs.image, inputs.mask, params).crop_box)


def test_the_cost_is_the_steps_that_are_run(tenant: Tenant) -> None:
    assert rehearsed(tenant, steps=10, num_images=3, strength=0.5)["plan"]["unet_rows"] == 30
    assert rehearsed(tenant, steps=10, guidance_scale=1)["plan"]["unet_rows"] == 10


def test_without_the_models_tokenizer_tokens_are_estimated_and_say_so(tenant: Tenant) -> None:
    counts = rehearsed(tenant, prompt="a red circle " * 40, long_prompt="truncate")["plan"]["tokens"]
    assert counts["prompt"] == {"tokens": 120, "limit": 75, "chunks": 1, "exact": False, "dropped_text": None}
    assert counts["negative_prompt"]["tokens"] == 0


def test_what_a_worker_would_find_out_is_found_out_now(tenant: Tenant) -> None:
    answer = tenant.http.post("/v1/jobs?dry_run=true", json=request(mask_grow=-64))
    assert refused(answer, 422, "mask_empty")["errors"][0]["field"] == "mask_grow"
    assert tenant.submit(mask_grow=-64).status_code == 202


def test_it_meets_the_limits_that_a_submit_meets(stack: Stack) -> None:
    caller = stack.tenant("dry and full")
    stack.services.tenants.set_limits("dry and full", TenantLimits(max_queued=1))
    with caller.http:
        assert rehearsed(caller)["queue"]["position"] is not None
        caller.accepted()
        refused(caller.http.post("/v1/jobs?dry_run=true", json=request()), 429, "queue_full")


def test_a_form_can_be_rehearsed(tenant: Tenant) -> None:
    files = {"image": ("a.png", photo()), "mask": ("m.png", mask())}
    answer = tenant.http.post("/v1/jobs?dry_run=true", files=files, data={"prompt": "a red circle", "seed": "3"})
    assert (answer.status_code, answer.json()["params"]["seed"]) == (200, 3)


def test_a_scope_that_may_not_submit_may_not_rehearse(stack: Stack) -> None:
    with stack.tenant("reader", "read").http as http:
        refused(http.post("/v1/jobs?dry_run=true", json=request()), 403, "scope_missing")
