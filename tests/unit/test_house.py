"""Rules of the house that no linter knows."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("storage", "safety", "worker", "producer")
SOURCES = [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]
LONGEST_FILE, LONGEST_FUNCTION = 350, 50


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Every function of a file, nested ones included."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def test_only_settings_read_the_environment() -> None:
    readers = {path for path in SOURCES if "os.environ" in path.read_text() or "getenv" in path.read_text()}
    assert {path.name for path in readers} == {"settings.py"}


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_files_and_functions_stay_small(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= LONGEST_FILE
    long = {node.name for node in functions(path) if (node.end_lineno or 0) - node.lineno + 1 > LONGEST_FUNCTION}
    assert long == set()


def test_packages_can_be_told_from_folders() -> None:
    """A test folder without __init__.py would shadow the package of its name; docker/ must never be a package."""
    for folder in {path.parent for path in (ROOT / "tests").rglob("*.py")}:
        assert (folder / "__init__.py").exists(), folder
    assert not list((ROOT / "docker").rglob("__init__.py"))
