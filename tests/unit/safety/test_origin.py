"""A picture that was made here, or says where it comes from, is recognized when it comes in again."""

from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from safety.authority import load_or_create_authority
from safety.credentials import Claim, sign
from safety.evidence import INPUT, Evidence, Submission
from safety.mark_keys import MarkKeys
from safety.origin import OriginSource
from safety.own_mark import OwnMark

PLAIN = Image.new("RGB", (64, 64), "teal")
NOTHING = {"own_mark": 0.0, "credentials": 0.0, "own_credentials": 0.0, "unreadable": 0.0}
CLAIM = Claim(title="job", model="pocket", software_version="1", mask_box=(0, 0, 8, 8), watermark_id="0" * 9)


def file() -> bytes:
    with BytesIO() as stream:
        PLAIN.save(stream, "PNG")
        return stream.getvalue()


@pytest.fixture(scope="module")
def signed(tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, str, str]:
    """A signed file, the roots it was signed under, and those of somebody else."""
    folder: Path = tmp_path_factory.mktemp("authorities")
    ours, theirs = load_or_create_authority(folder / "a"), load_or_create_authority(folder / "b")
    return sign(file(), "image/png", CLAIM, ours).data, ours.root_pem, theirs.root_pem


def measured(data: bytes, anchors: str, content_type: str = "image/png") -> dict[str, float]:
    carried = OwnMark(np.asarray(PLAIN), MarkKeys.from_secret("a secret for tests only"))
    sent = Submission(PLAIN, Image.new("L", PLAIN.size, 255), data, content_type, own_mark=carried)
    return dict(OriginSource(anchors).measure(Evidence({INPUT: PLAIN}, sent))[""])


def test_credentials_are_recognized_and_whose_they_are(signed: tuple[bytes, str, str]) -> None:
    data, ours, theirs = signed
    assert measured(data, ours) == NOTHING | {"credentials": 1.0, "own_credentials": 1.0}
    assert measured(data, theirs) == NOTHING | {"credentials": 1.0}


@pytest.mark.parametrize("content_type", ["image/png", "image/bmp", ""])
def test_most_files_have_none(signed: tuple[bytes, str, str], content_type: str) -> None:
    assert measured(file(), signed[1], content_type) == NOTHING


def test_credentials_that_cannot_be_read_are_noted_and_no_failure(signed: tuple[bytes, str, str]) -> None:
    assert measured(signed[0][:-200], signed[1], "image/jpeg")["unreadable"] == 1.0
