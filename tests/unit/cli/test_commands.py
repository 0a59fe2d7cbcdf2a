"""`inpaintd submit`, `wait` and `get` against a real service: what they print, write and exit with."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest

from producer.cli import main
from storage.job import JobError
from storage.tenant_store import TenantLimits
from tests.contract.api.serving import Tenant, claim, finish, photo
from tests.unit.cli.conftest import Pictures, Run


def submitted(run: Run, pictures: Pictures, *options: object) -> dict[str, Any]:
    """The job as `submit --json` prints it."""
    done = run("submit", pictures.image, "--mask", pictures.mask, "--prompt", "a red circle", "--json", *options)
    assert done.exit_code == 0, done.output
    job: dict[str, Any] = json.loads(done.stdout)
    return job


def test_submit_says_which_job_waits(run: Run, tenant: Tenant, pictures: Pictures) -> None:
    done = run("submit", pictures.image, "--mask", pictures.mask, "--prompt", "a red circle", "--steps", 12)
    (job,) = tenant.http.get("/v1/jobs").json()["data"]
    assert (done.exit_code, done.stdout) == (0, f"{job['id']} queued\n")
    assert (job["params"]["prompt"], job["params"]["steps"], job["params"]["padding"]) == ("a red circle", 12, 32)


def test_defaults_of_the_command_are_those_of_the_service(run: Run, tenant: Tenant, pictures: Pictures) -> None:
    by_command = submitted(run, pictures, "--seed", 7)["params"]
    assert by_command == tenant.accepted(seed=7)["params"]


def test_submit_and_wait_writes_the_result(run: Run, tenant: Tenant, pictures: Pictures, tmp_path: Path) -> None:
    out = tmp_path / "result.png"
    seen = threading.Event()

    def work() -> None:
        while not (jobs := tenant.http.get("/v1/jobs").json()["data"]):
            seen.wait(0.02)
        finish(tenant.stack.services, jobs[0]["id"], b"the picture")

    worker = threading.Thread(target=work)
    worker.start()
    done = run("submit", pictures.image, "--mask", pictures.mask, "--prompt", "a red circle", "--out", out)
    worker.join()
    assert done.exit_code == 0, done.output
    assert done.stdout.splitlines()[0].endswith(" succeeded")
    assert out.read_bytes() == b"the picture"


def test_get_writes_the_result_and_wait_returns_at_once(
    run: Run, tenant: Tenant, pictures: Pictures, tmp_path: Path
) -> None:
    job_id = submitted(run, pictures)["id"]
    assert run("get", job_id).stdout == f"{job_id} queued\n"
    finish(tenant.stack.services, job_id, photo())
    assert run("wait", job_id).stdout == f"{job_id} succeeded\n"
    assert run("get", job_id, "--out", tmp_path / "a.png").exit_code == 0
    assert (tmp_path / "a.png").read_bytes() == photo()


def test_a_job_that_was_blocked_exits_1_and_names_the_rule(run: Run, pictures: Pictures) -> None:
    done = run("submit", pictures.image, "--mask", pictures.mask, "--prompt", "remove her clothes")
    assert done.exit_code == 1
    assert " blocked by rule " in done.stdout


def test_a_job_that_failed_exits_1_and_says_why(run: Run, tenant: Tenant, pictures: Pictures) -> None:
    job_id = submitted(run, pictures)["id"]
    job = claim(tenant.stack.services, job_id)
    assert tenant.stack.services.jobs.fail(job, JobError("worker_lost", "The worker died."))
    done = run("wait", job_id)
    assert (done.exit_code, done.stdout) == (1, f"{job_id} failed [worker_lost]: The worker died.\n")


def test_wait_gives_up_in_time_with_exit_1(run: Run, pictures: Pictures) -> None:
    done = run("wait", submitted(run, pictures)["id"], "--timeout", 0.1)
    assert done.exit_code == 1
    assert "still queued" in done.stderr


def test_bad_input_exits_2_with_the_code_of_the_service(run: Run, pictures: Pictures, tmp_path: Path) -> None:
    text = tmp_path / "note.txt"
    text.write_text("not a picture")
    done = run("submit", text, "--mask", pictures.mask)
    assert done.exit_code == 2
    assert done.stderr.startswith("Error: ")
    assert "[image_type_unsupported]" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "environment", "status", "words"),
    [
        (("get", "job_none"), {}, 2, "[job_not_found]"),
        (("get", "job_00000000000000000000000000"), {"INPAINTD_KEY": "ipd_wrong"}, 2, "[key_invalid]"),
        (("get", "job_none"), {"INPAINTD_KEY": None}, 2, "INPAINTD_KEY"),
        (("get", "job_none"), {"INPAINTD_URL": "nowhere"}, 2, "INPAINTD_URL"),
        (("get", "job_none"), {"INPAINTD_URL": "http://127.0.0.1:1"}, 3, "No service answers"),
        (("submit", "/none.png"), {}, 2, "does not exist"),
        (("dance",), {}, 2, "No such command"),
    ],
)
def test_mistakes_end_in_one_sentence_and_a_status(
    run: Run, arguments: tuple[str, ...], environment: dict[str, str | None], status: int, words: str
) -> None:
    done = run(*arguments, **environment)
    assert (done.exit_code, done.stdout) == (status, "")
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_a_result_that_cannot_be_written_says_so(run: Run, tenant: Tenant, pictures: Pictures) -> None:
    job_id = submitted(run, pictures)["id"]
    finish(tenant.stack.services, job_id, photo())
    done = run("get", job_id, "--out", "/nowhere/a.png")
    assert done.exit_code == 2
    assert "/nowhere/a.png" in done.stderr


def test_a_command_that_is_told_to_wait_says_so_with_the_status_of_a_service_away(run: Run, tenant: Tenant) -> None:
    hasty = tenant.stack.tenant("hasty")
    hasty.http.close()
    tenant.stack.services.tenants.set_limits("hasty", TenantLimits(requests_per_second=0.01))
    first, second = (run("get", "job_" + "0" * 26, INPAINTD_KEY=hasty.key) for _ in range(2))
    assert (first.exit_code, second.exit_code) == (2, 3)
    assert "too_many_requests" in second.stderr


def test_commands_of_the_client_load_neither_server_nor_database() -> None:
    program = """
import sys
import producer.cli.main
for name in ("submit", "watch", "jobs", "listing", "batch", "webhooks", "detect", "completion"):
    __import__(f"producer.cli.{name}")
print([name for name in ("fastapi", "sqlalchemy", "boto3", "celery", "torch", "redis") if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def commands(group: click.Group, *names: str) -> Iterator[tuple[str, click.Command]]:
    """Every command that does something, by its whole name."""
    with click.Context(group) as context:
        for name in group.list_commands(context):
            command = group.get_command(context, name)
            assert command is not None
            if isinstance(command, click.Group):
                yield from commands(command, *names, name)
            else:
                yield " ".join((*names, name)), command


# They run until they are interrupted, print what a shell reads, have formats of their own, JSON among them, or print
# JSON alone. `plan` hands its options to a program of the worker's, `--json` among them.
WITHOUT_JSON = {"up", "api", "worker", "keeper", "completion", "review export", "plan", "storage lifecycle"} | {
    f"erase {scope}" for scope in ("job", "user", "tenant")
}


def test_every_command_takes_json() -> None:
    without = {
        name for name, command in commands(main) if not any("--json" in option.opts for option in command.params)
    }
    assert without == WITHOUT_JSON


def test_every_command_says_what_it_is_for() -> None:
    assert [name for name, command in commands(main) if not command.help] == []


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_prints_what_a_shell_reads(run: Run, shell: str) -> None:
    done = run("completion", shell)
    assert done.exit_code == 0
    assert "_INPAINTD_COMPLETE" in done.stdout


def test_names_complete_without_loading_what_they_stand_for(run: Run) -> None:
    asked = {"_INPAINTD_COMPLETE": "bash_complete", "COMP_WORDS": "inpaintd w", "COMP_CWORD": "1"}
    program = "import sys; from producer.cli import main\ntry: main(prog_name='inpaintd')\nfinally: print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program], env=os.environ | asked, capture_output=True, text=True, check=True
    )
    *names, modules = done.stdout.splitlines()
    assert names == ["plain,worker", "plain,watch", "plain,wait", "plain,webhooks"]
    assert "producer.cli.watch" not in modules.split()
