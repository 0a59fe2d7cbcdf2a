"""The threat model names, for every threat, a test that exists, and looks at each boundary from all six sides."""

from __future__ import annotations

import re

import pytest

from tests.unit.test_house import ROOT

PAGE = ROOT / "docs" / "threat-model.md"
BOUNDARIES = re.findall(r"^### (.+?)\n(.*?)(?=^##|\Z)", PAGE.read_text(), re.M | re.S)


@pytest.mark.parametrize(("name", "text"), BOUNDARIES, ids=[name for name, _ in BOUNDARIES])
def test_every_threat_has_a_control_and_a_test_that_exists(name: str, text: str) -> None:
    rows = [
        [cell.strip() for cell in line.split("|")[1:-1]] for line in text.splitlines() if re.match(r"\| [A-Z] ", line)
    ]
    assert {row[0] for row in rows} == set("STRIDE")
    for letter, threat, control, shown in rows:
        assert threat, letter
        assert control, threat
        tests = re.findall(r"\[(.+?)\]\((.+?)\)", shown)
        assert tests, threat
        for label, target in tests:
            file = (PAGE.parent / target).resolve()
            assert file.name == label
            assert "\ndef test_" in file.read_text() or "\nasync def test_" in file.read_text(), target


def test_every_boundary_is_looked_at() -> None:
    assert len(BOUNDARIES) == 6
