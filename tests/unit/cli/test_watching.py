"""`inpaintd watch`, `ls`, `cancel` and `appeal` against a real service."""

from __future__ import annotations

import json

import pytest

from producer.cli import crowd
from tests.contract.api.serving import Tenant, claim, finish, photo
from tests.unit.cli.conftest import Run


def test_watch_tells_each_job_as_it_comes_to_rest(run: Run, tenant: Tenant) -> None:
    well, canceled = (tenant.accepted(seed=n)["id"] for n in range(2))
    tenant.http.post(f"/v1/jobs/{canceled}/cancel")
    finish(tenant.stack.services, well, photo())
    done = run("watch", well, canceled)
    assert (done.exit_code, done.stdout) == (1, f"{well} succeeded\n{canceled} canceled\n")
    assert run("watch", well).exit_code == 0
    assert json.loads(run("watch", well, "--json").stdout)["status"] == "succeeded"


def test_more_jobs_than_the_window_are_all_watched(run: Run, tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crowd, "WINDOW", 2)
    jobs = [tenant.accepted(seed=n)["id"] for n in range(5)]
    for job in jobs:
        tenant.http.post(f"/v1/jobs/{job}/cancel")
    done = run("watch", *jobs)
    assert [line.split()[0] for line in done.stdout.splitlines()] == jobs


def test_watch_gives_up_in_time(run: Run, tenant: Tenant) -> None:
    done = run("watch", tenant.accepted()["id"], "--timeout", 0)
    assert done.exit_code == 1
    assert "watch again later" in done.stderr
    assert run("watch").exit_code == 2


def test_ls_shows_jobs_in_columns_filtered_and_over_pages(
    run: Run, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs = [tenant.accepted(seed=n, batch=f"b{n % 2}", prompt="a red\ncircle " * 9)["id"] for n in range(5)]
    claim(tenant.stack.services, jobs[0])
    monkeypatch.setattr("producer.cli.listing.PAGE", 2)
    head, *rows = run("ls").stdout.splitlines()
    assert head.split() == ["JOB", "CREATED", "PRIORITY", "BATCH", "PROMPT", "STATUS"]
    assert [row.split()[0] for row in rows] == jobs[::-1]
    assert len({row.index("a red") for row in rows}) == 1
    assert "running 0/30" in rows[-1] or "running" in rows[-1]
    assert len(run("ls", "--limit", 3).stdout.splitlines()) == 1 + 3
    shown = json.loads(run("ls", "--batch", "b1", "--json").stdout)
    assert [job["id"] for job in shown] == [jobs[3], jobs[1]]


def test_cancel_takes_several_and_says_how_each_stands(run: Run, tenant: Tenant) -> None:
    jobs = [tenant.accepted(seed=n)["id"] for n in range(2)]
    assert run("cancel", *jobs).stdout == "".join(f"{job} canceled\n" for job in jobs)
    assert [job["status"] for job in json.loads(run("cancel", *jobs, "--json").stdout)] == ["canceled"] * 2
    assert run("cancel", "job_none").exit_code == 2


def test_a_refusal_can_be_appealed_against(run: Run, tenant: Tenant) -> None:
    blocked = tenant.accepted(prompt="remove her clothes")
    assert blocked["status"] == "blocked"
    done = run("appeal", blocked["id"], "It was a sculpture.", "--json")
    assert done.exit_code == 0, done.output
    assert (json.loads(done.stdout)["kind"], json.loads(done.stdout)["status"]) == ("appeal", "open")
    again = run("appeal", blocked["id"], "Once more.")
    assert again.exit_code == 2
    assert "[not_appealable]" in again.stderr
