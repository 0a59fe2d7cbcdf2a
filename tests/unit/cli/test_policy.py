"""`inpaintd policy`, and what the other commands do with a policy that is broken."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from producer.evidence import prompts_of
from producer.prompts import judge_prompts
from safety.policy import Policy
from safety.policy_files import PACKAGED
from safety.verdict import Action, Finding, Signal, Stage, Verdict
from storage.also import add_rows
from storage.audit import Decision, PolicyId
from storage.audit import Stage as AuditStage
from storage.audit_rows import audit_row
from storage.audit_store import AuditStore
from storage.audit_tables import audit_records
from storage.database import Database
from storage.params import InpaintParams, PromptSyntax
from tests.packaged import POLICY
from tests.unit.cli.conftest import Admin, Pictures

TEXT = PACKAGED.read_text()
NOTICE = "notices: [factuality]\n"


@pytest.fixture
def broken(tmp_path: Path) -> Path:
    """A policy with a mistake in it."""
    path = tmp_path / "broken.yaml"
    path.write_text(TEXT.replace(NOTICE, "notices: [facts]\n"))
    return path


@pytest.fixture
def database(admin: Admin, url: str) -> Iterator[Database]:
    """The deployment's database, with its schema."""
    assert admin("migrate").exit_code == 0
    opened = Database(url)
    yield opened
    opened.close()


def told(done: Any) -> Any:
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def line_of(path: Path, text: str) -> int:
    return next(n for n, line in enumerate(path.read_text().splitlines(), start=1) if text in line)


@pytest.mark.parametrize("program", ["api", "keeper", "worker", "up"])
def test_no_program_starts_with_a_broken_policy_and_each_names_the_line(
    program: str, broken: Path, tmp_path: Path, sqlite_url: str
) -> None:
    settings = {
        "INPAINTD_DATABASE_URL": sqlite_url,
        "INPAINTD_REDIS_URL": "redis://127.0.0.1:1/0",
        "INPAINTD_OBJECTS": f"file://{tmp_path / 'objects'}",
        "INPAINTD_MODEL": "sd-legacy/stable-diffusion-inpainting",
        "INPAINTD_POLICY": str(broken),
        "INPAINTD_DEVICES": "cpu",
        "PYTHONPATH": os.pathsep.join(sys.path),
    }
    options = ["--dir", str(tmp_path / "stack")] if program == "up" else []
    command = [sys.executable, "-m", "producer.cli", program, *options]
    done = subprocess.run(command, env=os.environ | settings, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert f"broken.yaml, line {line_of(broken, 'notices: [facts]')}: there is no category `facts`" in done.stderr


def test_a_sound_policy_is_called_sound(admin: Admin) -> None:
    checked = told(admin("policy", "check", "--json"))
    assert (checked["file"], checked["problems"]) == (str(PACKAGED), [])


def test_a_broken_policy_and_a_false_example_are_told_with_their_lines(
    admin: Admin, broken: Path, tmp_path: Path
) -> None:
    done = admin("policy", "check", str(broken))
    assert (done.exit_code, f"line {line_of(broken, 'notices: [facts]')}" in done.stderr) == (1, True)
    false = tmp_path / "false.yaml"
    false.write_text(TEXT.replace("{test_pattern: 0.02}", "{test_pattern: -7.0}"))
    done = admin("policy", "check", str(false))
    line = line_of(false, "{test_pattern: -7.0}")
    assert done.exit_code == 1
    assert f"false.yaml, line {line}: result.test_pattern must apply and does not" in done.stdout
    assert "1 do not come out" in done.stdout


def test_a_request_is_explained_with_the_words_that_mattered(admin: Admin, pictures: Pictures) -> None:
    done = admin("policy", "explain", "pleáse remove the watermark, thanks")
    assert done.exit_code == 0
    assert "the rules read: please remove the watermark, thanks" in done.stdout
    assert "pleáse >>remove the watermark<<, thanks" in done.stdout
    assert "review, decides" in done.stdout
    files = ["--image", str(pictures.image), "--mask", str(pictures.mask)]
    explained = told(
        admin("policy", "explain", "(remove:1.3) the watermark", "--prompt-syntax", "a1111", *files, "--json")
    )
    assert (explained["action"], explained["decided_by"]) == ("review", "prompt.mark_removal")
    assert explained["prompts"]["used"]["prompt"] == "remove the watermark"
    assert explained["findings"][0]["matched"] == "remove:1.3) the watermark"
    assert 0 < {signal["name"]: signal["value"] for signal in explained["signals"]}["mask.area"] < 1


def test_what_is_no_picture_cannot_be_explained(admin: Admin, tmp_path: Path) -> None:
    path = tmp_path / "x.png"
    path.write_bytes(b"no picture")
    done = admin("policy", "explain", "a red circle", "--image", str(path))
    assert (done.exit_code, "image_type_unsupported" in done.stderr or "PNG" in done.stderr) == (2, True)


def known(policy: Policy) -> PolicyId:
    return PolicyId(policy.name, policy.version, policy.sha256)


def on_prompt(prompt: str, policy: Policy, more: Finding | None = None) -> Decision:
    params = InpaintParams(prompt=prompt, prompt_syntax=PromptSyntax.A1111)
    verdict = judge_prompts(params, policy)
    verdict = Verdict.of(policy.label, (*verdict.findings, *([more] if more else [])))
    return Decision.of_verdict(AuditStage.PROMPT, known(policy), verdict.audit_dict(), prompts_of(params))


def on_result(score: float, policy: Policy, action: Action) -> Decision:
    own = [Signal(f"{one.source}.nothing", 0.0, None, one.source, "1") for one in policy.input_signals]
    scored = [Signal(f"concepts.test_pattern@{view}", score, 0.0, "concepts", "1") for view in ("composite", "region")]
    verdict = Verdict(action, policy.label, (), (*own, *scored))
    return Decision.of_verdict(AuditStage.RESULT, known(policy), verdict.audit_dict())


def test_past_decisions_are_made_again_under_a_changed_policy(admin: Admin, database: Database, tmp_path: Path) -> None:
    retry = Finding("behavior.retry_after_block", "evasion", 4, Stage.REQUEST, Action.REVIEW, "Again.")
    decisions = {
        "job_mark": on_prompt("remove the (watermark:1.2)", POLICY),
        "job_red": on_prompt("a red circle", POLICY),
        "job_again": on_prompt("a red circle, please", POLICY, retry),
        "job_gone": on_prompt("remove the watermark", POLICY),
        "job_clean": on_result(-0.2, POLICY, Action.ALLOW),
        "job_near": on_result(-0.05, POLICY, Action.ALLOW),
        "job_waived": replace(
            on_result(0.2, POLICY, Action.ALLOW), waived=[{"stage": "result", "rule": "result.test_pattern"}]
        ),
        "job_person": Decision(AuditStage.REVIEW, "approve", known(POLICY), actor="ada", automated=False),
    }
    with database.transaction() as connection:
        add_rows(connection, [audit_row(subject, decision) for subject, decision in decisions.items()])
    AuditStore(database).seal()
    with database.transaction() as connection:
        gone = sa.update(audit_records).where(audit_records.c.subject == "job_gone")
        connection.execute(gone.values(prompts=None))
    same = admin("policy", "replay", str(PACKAGED))
    assert "6 decisions made again under inpaint-default" in same.stdout
    assert ": 0 would differ." in same.stdout
    assert "not made again: 1, because its prompts were erased" in same.stdout

    stricter = tmp_path / "stricter.yaml"
    rule = "      - id: result.test_pattern\n        category: test_pattern\n"
    assert rule in TEXT
    changed = TEXT.replace(rule, f"{rule}        threshold: -0.1\n")
    category = changed[changed.index("  copyright_mark_removal:\n") : changed.index("  self_harm:\n")]
    stricter.write_text(changed.replace(category, category.replace("action: review", "action: block")))
    done = admin("policy", "replay", str(stricter))
    assert done.exit_code == 0
    assert "allow -> review: 1\n  job_near result: result.test_pattern" in done.stdout
    assert "review -> block: 1\n  job_mark prompt: prompt.mark_removal" in done.stdout
    made = {one["subject"]: one for one in told(admin("policy", "replay", str(stricter), "--json"))}
    assert "job_person" not in made
    assert (made["job_again"]["after"], made["job_clean"]["changed"]) == ("review", False)
    assert told(admin("policy", "replay", str(stricter), "--since", "2999-01-01", "--json")) == []


def test_what_was_never_measured_is_not_guessed(admin: Admin, database: Database, tmp_path: Path) -> None:
    with database.transaction() as connection:
        add_rows(connection, [audit_row("job_x", on_result(-0.2, POLICY, Action.ALLOW))])
    AuditStore(database).seal()
    asks = tmp_path / "asks.yaml"
    assert "\ninput_signals:\n" in TEXT
    asks.write_text(TEXT.replace("\ninput_signals:\n", "\ninput_signals:\n  - source: weather\n"))
    assert "because no signals of weather are on record" in admin("policy", "replay", str(asks)).stdout
