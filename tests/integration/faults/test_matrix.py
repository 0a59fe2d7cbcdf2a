"""The table of this package names tests that exist, and every test of this folder is in it."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from tests.integration import faults

TESTS = Path(__file__).parents[2]
HERE = Path(__file__).parent.relative_to(TESTS)


def found_in(path: str) -> set[str]:
    """Names of the tests that pytest finds in a file."""
    tree = ast.parse((TESTS / path).read_text())
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")}


def named() -> list[tuple[str, str]]:
    """File and name of every test in the table."""
    return re.findall(r"^    (\S+)::(\S+)$", faults.__doc__ or "", re.MULTILINE)


def test_every_row_has_its_test() -> None:
    rows = [line for line in (faults.__doc__ or "").split("\n\n", 2)[2].splitlines() if line]
    assert rows
    for row, following in zip(rows, [*rows[1:], ""], strict=True):
        assert row.startswith("    ") or following.startswith("    "), f"{row}: no test"
    assert [(path, name) for path, name in named() if name not in found_in(path)] == []


def test_no_test_of_this_folder_is_missing() -> None:
    here = {
        (str(HERE / path.name), name)
        for path in (TESTS / HERE).glob("test_*.py")
        if path.name != Path(__file__).name
        for name in found_in(str(HERE / path.name))
    }
    assert here - set(named()) == set()
