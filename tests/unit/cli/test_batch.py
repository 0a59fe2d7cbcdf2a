"""`inpaintd batch` and `watch --batch` against a real service."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.contract.api.serving import Tenant, finish, mask, photo
from tests.unit.cli.conftest import Run

ROWS = """image,mask,prompt,seed,steps,custom_id
a.png,mask.png,a red circle,1,,sku/17
a.png,mask.png,a red circle,2,0,
"""


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """Two rows on one picture, the second at fault."""
    (tmp_path / "a.png").write_bytes(photo())
    (tmp_path / "mask.png").write_bytes(mask())
    table = tmp_path / "jobs.csv"
    table.write_text(ROWS)
    return table


def test_a_batch_is_created_followed_fetched_and_canceled(run: Run, tenant: Tenant, table: Path) -> None:
    done = run("batch", "create", table)
    assert done.exit_code == 2
    assert done.stderr.startswith(f"{table}, line 3: steps: ")
    batch, said = done.stdout.strip().split(" ", 1)
    assert said == "2 read, 1 accepted, 0 replayed, 1 refused"

    assert run("batch", "status", batch).stdout == f"{batch} 0% done: 1 queued\n"
    (job,) = tenant.http.get("/v1/jobs").json()["data"]
    finish(tenant.stack.services, job["id"], b"the picture")
    assert run("watch", "--batch", batch).stdout == f"{batch} 1 succeeded\n"
    out = table.parent / "out"
    assert run("batch", "results", batch, "--out", out).stdout.startswith(f"sku/17  {job['id']}  succeeded  {out}")
    assert {path.name: path.read_bytes() for path in out.iterdir()} == {"00001-sku_17.png": b"the picture"}
    assert run("batch", "cancel", batch).stdout == "0 canceled, 0 stopping\n"
    assert batch in run("batch", "ls").stdout


def test_json_tells_every_answer_and_the_same_key_finds_the_same_jobs(run: Run, table: Path) -> None:
    first, again = (run("batch", "create", table, "--key", "spring", "--json").stdout.splitlines() for _ in range(2))
    assert json.loads(first[0])["job"]["id"] == json.loads(again[0])["job"]["id"]
    assert json.loads(again[-1])["batch"]["lines"]["replayed"] == 1


def test_a_label_is_watched_like_a_batch(run: Run, tenant: Tenant) -> None:
    job = tenant.accepted(batch="spring")["id"]
    assert "watch again later" in run("watch", "--batch", "spring", "--timeout", 0).stderr
    tenant.http.post(f"/v1/jobs/{job}/cancel")
    done = run("watch", "--batch", "spring", "--json")
    assert done.exit_code == 1
    assert json.loads(done.stdout)["jobs"]["canceled"] == 1
