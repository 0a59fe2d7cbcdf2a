"""The table of this package cannot rot: every invariant and every defect is there, and every test it names exists."""

from __future__ import annotations

import ast
import re
from functools import lru_cache
from pathlib import Path

import pytest

from tests import invariants

ROOT = Path(__file__).parents[2]
_ROW = re.compile(r"^(\d+|D\d) .*(?:\n {2,}.*)*", re.MULTILINE)
_TEST = re.compile(r"(tests/\S+\.py)::(\w+)")
TABLE = {row[1]: _TEST.findall(row[0]) for row in _ROW.finditer(invariants.__doc__ or "")}


@lru_cache
def functions(path: str) -> set[str]:
    return {node.name for node in ast.walk(ast.parse((ROOT / path).read_text())) if isinstance(node, ast.FunctionDef)}


def test_all_of_them_are_there() -> None:
    assert list(TABLE) == [*map(str, range(1, 28)), *(f"D{number}" for number in range(1, 10))]


@pytest.mark.parametrize("row", TABLE)
def test_each_is_held_by_tests_that_exist(row: str) -> None:
    assert TABLE[row]
    missing = [f"{path}::{name}" for path, name in TABLE[row] if name not in functions(path)]
    assert missing == []
    assert len(set(TABLE[row])) == len(TABLE[row])


def test_every_test_of_this_package_holds_something() -> None:
    named = {name for tests in TABLE.values() for _, name in tests}
    here = {
        name for path in Path(__file__).parent.glob("test_*.py") for name in functions(f"tests/invariants/{path.name}")
    }
    own = functions("tests/invariants/test_table.py")
    assert {name for name in here - own if name.startswith("test_")} <= named
