"""The operator's page: who may read it, what it shows, and that each part comes anew by itself."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from producer.console.operator import SECTIONS, Section
from storage.also import add_rows
from storage.job import JobError
from storage.measure_store import MeasureKind, MeasureStore, measure_row
from storage.moderator_store import Role
from storage.tenant_store import TenantLimits
from tests.contract.api.serving import Stack, claim, finish, photo, running
from tests.contract.console.visitors import signed_in


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with running(tmp_path_factory.mktemp("operated")) as stack:
        yield stack


@pytest.fixture(scope="module")
def lead(stack: Stack) -> Iterator[httpx.Client]:
    with signed_in(stack, Role.LEAD) as client:
        yield client


@pytest.mark.parametrize(
    ("role", "status"), [(Role.REVIEWER, 403), (Role.LEAD, 200), (Role.ADMIN, 200), (Role.AUDITOR, 200)]
)
def test_leads_admins_and_auditors_read_it(stack: Stack, role: Role, status: int) -> None:
    with signed_in(stack, role) as client:
        answer = client.get("/console/operator")
        assert answer.status_code == status
        assert client.get("/console/operator/queue").status_code == status
        assert ("/console/operator" in client.get("/console/").text) is (status == 200)
    assert answer.headers["cache-control"] == "no-store"


def test_nobody_else_does(stack: Stack) -> None:
    answer = httpx.get(f"{stack.url}/console/operator")
    assert (answer.status_code, answer.headers["location"]) == (303, "/console/sign-in")
    polled = httpx.get(f"{stack.url}/console/operator/queue", headers={"HX-Request": "true"})
    assert polled.headers["hx-redirect"] == "/console/sign-in"


def test_an_empty_service_says_so(tmp_path: Path) -> None:
    with running(tmp_path) as stack, signed_in(stack, Role.LEAD) as lead:
        shown = lead.get("/console/operator").text
    for sentence in ("Nothing waits", "No worker holds a job", "No job failed", "no tenant yet", "No endpoint fails"):
        assert sentence in shown
    assert "Nothing that a keeper should have done" in shown


def test_it_shows_what_waits_who_works_what_ended_and_what_failed(stack: Stack, lead: httpx.Client) -> None:
    caller = stack.tenant("acme & sons")
    with caller.http as http:
        finish(stack.services, caller.accepted(prompt="one")["id"], photo())
        failing = claim(stack.services, caller.accepted(prompt="two")["id"])
        stack.services.jobs.fail(failing, JobError("out_of_memory", "The picture is too large for the device."))
        claim(stack.services, caller.accepted(prompt="three")["id"])
        caller.accepted(prompt="four", priority="bulk")
        http.post("/v1/webhooks", json={"url": "https://hooks.example/secret-path"})
    stack.services.tenants.set_limits("acme & sons", TenantLimits(max_queued=500))
    shown = lead.get("/console/operator").text
    assert "acme &amp; sons" in shown
    assert "1 of 500" in shown
    assert "tests" in shown  # the worker that claimed
    assert "out_of_memory" in shown
    assert "The picture is too large for the device." in shown
    assert failing.id in shown
    assert '<rect class="succeeded"' in shown
    assert "secret-path" not in shown


def test_a_suspended_tenant_stands_out(stack: Stack, lead: httpx.Client) -> None:
    tenant = stack.tenant("suspended one")
    row = measure_row(tenant.id, MeasureKind.SUSPEND, text="Enough.", by="eve")
    tenant.http.close()
    with stack.services.database.transaction() as connection:
        add_rows(connection, [row])
    assert "suspended</span>" in lead.get("/console/operator/tenants").text
    assert MeasureStore(stack.services.database).of(tenant.id)


@pytest.mark.parametrize("section", SECTIONS, ids=lambda section: section.name)
def test_each_part_comes_anew_by_itself(lead: httpx.Client, section: Section) -> None:
    name = section.name
    part = lead.get(f"/console/operator/{name}", headers={"HX-Request": "true"})
    assert part.status_code == 200
    assert part.text.startswith(f'<section class="panel" id="{name}"')
    assert f'hx-get="/console/operator/{name}" hx-trigger="every ' in part.text
    assert "<html" not in part.text


def test_it_can_stand_still(lead: httpx.Client) -> None:
    assert "hx-get" in lead.get("/console/operator").text
    assert "hx-get" not in lead.get("/console/operator?still=1").text


def test_there_is_no_other_part(lead: httpx.Client) -> None:
    assert lead.get("/console/operator/everything").status_code == 404
