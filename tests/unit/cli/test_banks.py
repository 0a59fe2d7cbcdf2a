"""`inpaintd banks` on a deployment of its own."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image
from skimage import data

from safety.hashes import pdq
from tests.unit.cli.conftest import Admin

WHY = ("--reason", "Reported to us.", "--by", "ada")


@pytest.fixture
def deployed(admin: Admin) -> Admin:
    assert admin("migrate").exit_code == 0
    return admin


def test_pictures_and_hash_lists_go_in_are_listed_and_go_out_again(deployed: Admin, tmp_path: Path) -> None:
    picture, hashes = tmp_path / "cat.png", tmp_path / "list.csv"
    Image.fromarray(data.cat()).save(picture)
    hashes.write_text(f"hash,quality\n{pdq(Image.open(picture)).hex},100\n{'ab' * 32},100\n")
    assert "1 added" in deployed("banks", "add", "known", str(picture), *WHY).stdout
    assert "1 added, 1 known before" in deployed("banks", "import", "known", str(hashes), *WHY).stdout
    assert json.loads(deployed("banks", "list", "--json").stdout) == {"known": 2, "test_pattern": 1}
    first, second = json.loads(deployed("banks", "list", "known", "--json").stdout)
    assert (len(first["hashes"]) > 20, len(second["hashes"])) == (True, 1)
    assert "ada: Reported to us." in deployed("banks", "list", "known").stdout
    assert deployed("banks", "remove", second["id"]).exit_code == 0
    assert [e["id"] for e in json.loads(deployed("banks", "list", "known", "--json").stdout)] == [first["id"]]
    again = deployed("banks", "remove", second["id"])
    assert (again.exit_code, "banks list" in again.stderr) == (2, True)


@pytest.mark.parametrize("content", [b"no picture", b"\xff\xfe"])
@pytest.mark.parametrize("command", ["add", "import"])
def test_a_file_that_cannot_be_used_is_named(deployed: Admin, tmp_path: Path, command: str, content: bytes) -> None:
    file = tmp_path / "broken"
    # The first line of a list may be a header, so that a broken one is in the second.
    file.write_bytes(content + b"\n" + content)
    done = deployed("banks", command, "known", str(file), *WHY)
    assert (done.exit_code, str(file) in done.stderr) == (2, True)
