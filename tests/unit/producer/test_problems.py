"""The table of codes holds every code that is used, and nothing else."""

from __future__ import annotations

import re
from pathlib import Path

import producer.api
import storage
from producer.api.field_errors import _CODES as FIELD_CODES
from producer.api.problems import CODES, declared
from producer.errors import FieldError, Refusal

PRODUCER = Path(producer.api.__file__).parents[1]
STORAGE = Path(storage.__file__).parent


def used_codes() -> set[str]:
    """Every code that the sources name where they refuse something."""
    sources = [path.read_text() for path in [*PRODUCER.rglob("*.py")] if path.name != "problems.py"]
    pictures = [(STORAGE / name).read_text() for name in ("pictures.py", "masks.py")]
    raised = r'(?:Refusal|ComeAgain|_NotFetched|problem_response|_refuse)\(\s*"(\w+)"'
    handed_on = [r'^CODE = "(\w+)"', r'code="(\w+)"', r'return "(fetch_\w+)", "']
    patterns = [raised, r'of_field\([^,()]+, "(\w+)"', *handed_on]
    found = {code for text in sources for pattern in patterns for code in re.findall(pattern, text, re.MULTILINE)}
    found |= {code for text in pictures for code in re.findall(r'"((?:image|mask)_[a-z_]+)"', text)}
    found |= set(re.findall(r'"(\w+_\w+)"', (PRODUCER / "api" / "faults.py").read_text()))
    return found - {"job_id"} | set(FIELD_CODES.values()) | {"wrong_type", "request_invalid"}


def test_the_table_and_the_sources_agree() -> None:
    assert used_codes() == set(CODES)


def test_one_code_where_fields_agree_and_a_general_one_where_not() -> None:
    low, high = (FieldError(field, "out_of_range", "Too much.") for field in ("steps", "width"))
    odd = FieldError("promt", "field_unknown", "Unknown.")

    assert Refusal.of_fields([low, high]).code == "out_of_range"
    assert Refusal.of_fields([low, odd]).code == "request_invalid"
    assert Refusal.of_fields([low, odd]).detail == "steps: Too much. (1 more in `errors`)"


def test_codes_of_one_status_are_declared_together() -> None:
    responses = declared("json_invalid", "invalid_utf8")
    examples = responses[400]["content"]["application/problem+json"]["examples"]
    assert examples.keys() == {"json_invalid", "invalid_utf8"}
    assert examples["json_invalid"]["value"]["status"] == 400
