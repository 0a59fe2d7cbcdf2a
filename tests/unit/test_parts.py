"""What the product is made of is locked, and asks nobody for our source."""

from __future__ import annotations

import re

import pytest

from bench.licences import ASKS_FOR_SOURCE, licence_of, parts
from tests.unit.test_house import ROOT


def test_every_part_is_locked_to_the_version_that_is_installed() -> None:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    locked = dict(line.lower().replace("_", "-").split("==") for line in lines if "==" in line)
    for part in parts():
        name = re.sub(r"[-_.]+", "-", str(part.metadata["Name"])).lower()
        assert locked[name] == part.version.partition("+")[0], name


def test_no_part_asks_for_our_source() -> None:
    licences = {str(part.metadata["Name"]): licence_of(part) for part in parts()}
    assert len(licences) > 50
    assert {name: text for name, text in licences.items() if ASKS_FOR_SOURCE.search(text)} == {}


@pytest.mark.parametrize("asks", ["GPL-3.0-only", "AGPL-3.0", "GNU General Public License v3 (GPLv3)", "SSPL-1.0"])
def test_a_licence_that_asks_is_recognized(asks: str) -> None:
    assert ASKS_FOR_SOURCE.search(asks)
    assert not ASKS_FOR_SOURCE.search("LGPL-3.0-only")
    assert not ASKS_FOR_SOURCE.search("GNU Lesser General Public License v3 (LGPLv3)")
