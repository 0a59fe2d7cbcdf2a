"""docs/errors.md lists every code that a caller can meet."""

from __future__ import annotations

from pathlib import Path

from producer.api.problems import CODES
from storage.job_store import WORKER_LOST
from storage.unserved import MODEL_GONE
from worker.outcomes import OUTCOMES, Then

PAGE = Path(__file__).parents[2] / "docs" / "errors.md"


def problem_rows() -> list[str]:
    """The lines of the table of problems."""
    return [f"| `{code}` | {entry.status} | {entry.title} | {entry.advice} |" for code, entry in CODES.items()]


def job_codes() -> set[str]:
    """Codes that the `error` of a failed job can carry; a picture's own codes are among the problems."""
    ending = {outcome.code for _, outcome in OUTCOMES if outcome.then in (Then.FAIL, Then.RETRY)}
    return ending - {"input_invalid"} | {WORKER_LOST.code, MODEL_GONE.code}


def test_every_problem_is_listed_and_no_other() -> None:
    lines = PAGE.read_text().splitlines()
    assert [line for line in lines if line.startswith("| `") and line.count("|") == 5] == problem_rows()


def test_every_code_of_a_failed_job_is_listed_and_no_other() -> None:
    lines = [line for line in PAGE.read_text().splitlines() if line.startswith("| `") and line.count("|") == 4]
    assert {line.split("`")[1] for line in lines} == job_codes()
