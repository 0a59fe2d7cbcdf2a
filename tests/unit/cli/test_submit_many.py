"""`inpaintd submit` of several pictures, or of a table: what is sent, told, saved, and found again."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from storage.lease_store import LeaseStore
from tests.contract.api.serving import Tenant, mask, photo, result_of
from tests.unit.cli.conftest import Run


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three pictures, of which each has a mask of its own, and one mask for all."""
    for name in ("a", "b", "c"):
        (tmp_path / f"{name}.png").write_bytes(photo())
        (tmp_path / f"{name}.mask.png").write_bytes(mask())
    (tmp_path / "mask.png").write_bytes(mask())
    return tmp_path


def lines(text: str) -> list[dict[str, Any]]:
    """The JSON of each line."""
    return [json.loads(line) for line in text.splitlines()]


@contextmanager
def a_worker(tenant: Tenant) -> Iterator[None]:
    """Ends every job as succeeded with its own seed as picture, as long as the block lasts."""
    services, over = tenant.stack.services, threading.Event()
    leases = LeaseStore(services.database)

    def work() -> None:
        while not over.wait(0.01):
            for job in leases.claim("tests", models=["default"], limit=100):
                picture = f"seed {job.params.seed}".encode()
                assert services.jobs.succeed(job, result_of(services, job, picture))

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def test_files_and_patterns_are_sent_with_one_mask_or_each_with_its_own(run: Run, folder: Path, tenant: Tenant) -> None:
    done = run("submit", folder / "a.png", folder / "[bc].png", "--mask", "{dir}/{stem}.mask.png", "--seed", 1)
    assert done.exit_code == 0, done.output
    assert [line.split()[0] for line in sorted(done.stdout.splitlines())] == [str(folder / f"{n}.png") for n in "abc"]
    done = run("submit", folder / "a.png", folder / "b.png", "--mask", folder / "mask.png", "--seed", 1, "--json")
    first, second = lines(done.stdout)
    assert {first["job"]["status"], second["job"]["status"]} == {"queued"}
    assert len(tenant.http.get("/v1/jobs").json()["data"]) == 5 - 2, "the same picture, mask and seed are the same job"


def test_results_are_saved_under_the_names_of_the_pictures(run: Run, folder: Path, tenant: Tenant) -> None:
    out = folder / "out"
    with a_worker(tenant):
        done = run("submit", folder / "?.png", "--mask", folder / "mask.png", "--seed", 5, "--out", out, "--json")
    assert done.exit_code == 0, done.output
    assert {path.name: path.read_bytes() for path in out.iterdir()} == {f"{n}.png": b"seed 5" for n in "abc"}
    assert {(line["job"]["status"], *line["files"]) for line in lines(done.stdout)} == {
        ("succeeded", str(out / f"{n}.png")) for n in "abc"
    }


def test_the_same_command_again_finds_its_jobs_and_fetches_what_is_missing(
    run: Run, folder: Path, tenant: Tenant
) -> None:
    sent = ("submit", folder / "?.png", "--mask", folder / "mask.png", "--seed", 5, "--json")
    command = (*sent, "--out", folder / "out")
    with a_worker(tenant):
        first = lines(run(*command).stdout)
    (folder / "out" / "a.png").unlink()
    kept = (folder / "out" / "b.png").stat().st_mtime_ns
    again = lines(run(*command).stdout)
    assert {line["job"]["id"] for line in again} == {line["job"]["id"] for line in first}
    assert (folder / "out" / "a.png").read_bytes() == b"seed 5"
    assert (folder / "out" / "b.png").stat().st_mtime_ns == kept
    assert {line["job"]["status"] for line in lines(run(*sent).stdout)} == {"succeeded"}, "as it stands now"
    anew = lines(run(*sent, "--run", "tuesday").stdout)
    assert not {line["job"]["id"] for line in anew} & {line["job"]["id"] for line in first}


TABLE = """image,mask,prompt,seed,output.format,output.quality,metadata,out
a.png,mask.png,"a red circle, large",1,,,,
b.png,mask.png,007,2,jpeg,90,"{""order"": 17}",bee
"""


def test_a_csv_says_every_field_of_every_job(run: Run, folder: Path) -> None:
    (folder / "jobs.csv").write_text(TABLE)
    done = run("submit", "--jobs", folder / "jobs.csv", "--json", "--steps", 12, "--output-format", "webp")
    assert done.exit_code == 0, done.output
    first, second = sorted((line["job"] for line in lines(done.stdout)), key=lambda job: job["params"]["seed"])
    assert (first["params"]["prompt"], second["params"]["prompt"]) == ("a red circle, large", "007")
    assert {first["params"]["steps"], second["params"]["steps"]} == {12}
    assert [job["params"]["output"]["format"] for job in (first, second)] == ["webp", "jpeg"]
    assert second["params"]["output"]["quality"] == 90
    assert second["metadata"] == {"order": 17}


def test_a_jsonl_does_too_and_errors_of_rows_are_told_with_their_lines(run: Run, folder: Path, tenant: Tenant) -> None:
    rows = [
        {"image": "a.png", "mask": "mask.png", "prompt": "a red circle", "out": "../x"},
        {"image": "file_00000000000000000000000000", "mask": "mask.png"},
        {"image": "b.png", "mask": "mask.png", "output": {"quality": 300}},
    ]
    (folder / "jobs.jsonl").write_text("\n".join(map(json.dumps, rows)))
    out = folder / "out"
    with a_worker(tenant):
        done = run("submit", "--jobs", folder / "jobs.jsonl", "--out", out)
    assert done.exit_code == 2
    assert [path.name for path in out.iterdir()] == ["x.png"], "no row writes outside the folder"
    assert "jobs.jsonl, line 2: " in done.stderr
    assert "upload it" in done.stderr
    assert "jobs.jsonl, line 3: " in done.stderr


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("jobs.csv", "image,colour\na.png,red\n", "no field 'colour'"),
        ("jobs.csv", "image,seed\na.png,1,2\n", "line 2: there are more cells"),
        ("jobs.csv", "image\nz.png\n", "line 2: "),
        ("jobs.csv", "prompt\nx\n", "`image` is missing"),
        ("jobs.csv", "image\n", "holds no job"),
        ("jobs.jsonl", '{"image": "a.png"}\n{"image"', "line 2: not JSON"),
        ("jobs.jsonl", "[]\n", "line 1: a JSON object"),
    ],
)
def test_a_table_at_fault_is_told_before_anything_is_sent(
    run: Run, folder: Path, tenant: Tenant, name: str, text: str, words: str
) -> None:
    (folder / name).write_text(text)
    done = run("submit", "--jobs", folder / name)
    assert (done.exit_code, done.stdout) == (2, "")
    assert words in done.stderr
    assert tenant.left_behind() == (0, 0)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "Name one or more images"),
        (("*.gif",), "No file matches"),
        (("a.png", "b.png", "--mask", "{stem}.none.png"), "a.none.png, which does not exist"),
        (("a.png", "b.png", "--dry-run"), "a single image"),
    ],
)
def test_mistakes_are_told(
    run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], words: str
) -> None:
    monkeypatch.chdir(folder)
    done = run("submit", *arguments)
    assert done.exit_code == 2
    assert words in done.stderr


def test_a_dry_run_says_what_would_happen(run: Run, folder: Path, tenant: Tenant) -> None:
    command = ("submit", folder / "a.png", "--mask", folder / "mask.png", "--dry-run")
    done = run(*command, "--prompt", "a red circle")
    assert done.exit_code == 0, done.output
    assert done.stdout.startswith("It would be queued. ")
    assert "60 UNet rows" in done.stdout
    assert "It would be blocked by rule" in run(*command, "--prompt", "remove her clothes").stdout
    assert json.loads(run(*command, "--json").stdout)["plan"]["unet_rows"] == 60
    assert tenant.left_behind() == (0, 0)
