import contextlib
import io
import stat
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from safety.authority import Authority, _create, load_or_create_authority
from safety.credentials import Claim, read, sign
from safety.errors import CredentialsError
from safety.manifest import credentials

TYPES = {"image/png": "PNG", "image/jpeg": "JPEG", "image/webp": "WEBP"}
CLAIM = Claim("result 1", "inpaint-pocket", "0.1.0", (10, 20, 40, 60), "0123456789"[:9])
PIXELS = np.random.default_rng(0).integers(0, 256, (96, 128, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return load_or_create_authority(tmp_path_factory.mktemp("credentials") / "made")


def _encoded(content_type: str, pixels: np.ndarray[tuple[int, ...], np.dtype[np.uint8]] = PIXELS) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, TYPES[content_type])
    return buffer.getvalue()


def _decoded(data: bytes) -> bytes:
    return Image.open(io.BytesIO(data)).convert("RGB").tobytes()


def _tampered(data: bytes, content_type: str) -> bytes:
    """One bit of the picture itself, well away from where each format keeps the credentials."""
    plain = _encoded(content_type)
    middle = plain[len(plain) // 2 : len(plain) // 2 + 32]
    at = data.index(middle)
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


@pytest.mark.parametrize("content_type", TYPES)
def test_what_was_signed_is_read_back_and_the_pixels_stay(content_type: str, authority: Authority) -> None:
    data = _encoded(content_type)
    signed = sign(data, content_type, CLAIM, authority, _encoded("image/png"), "image/png").data
    found = read(signed, content_type, authority.root_pem)
    assert found is not None
    assert (found.state, found.made_here, found.problems) == ("Trusted", True, ())
    assert (found.title, found.model, found.software_version) == ("result 1", "inpaint-pocket", "0.1.0")
    assert (found.mask_box, found.watermark_id, found.has_parent) == (CLAIM.mask_box, CLAIM.watermark_id, True)
    assert _decoded(signed) == _decoded(data)


@pytest.mark.parametrize("content_type", TYPES)
def test_a_changed_picture_reads_as_invalid(content_type: str, authority: Authority) -> None:
    signed = sign(_encoded(content_type), content_type, CLAIM, authority).data
    found = read(_tampered(signed, content_type), content_type, authority.root_pem)
    assert found is not None
    assert (found.state, found.made_here) == ("Invalid", False)
    assert "assertion.dataHash.mismatch" in found.problems


def test_the_statement_cannot_be_moved_to_another_claim(authority: Authority) -> None:
    signed = sign(_encoded("image/png"), "image/png", CLAIM, authority).data
    assert b"inpaint-pocket" in signed
    found = read(signed.replace(b"inpaint-pocket", b"inpaint-packet"), "image/png", authority.root_pem)
    assert found is None or found.state == "Invalid"


def test_the_statement_says_edited_by_a_model_and_names_no_user(authority: Authority) -> None:
    signed = sign(_encoded("image/png"), "image/png", CLAIM, authority, _encoded("image/png"), "image/png").data
    for said in (b"compositeWithTrainedAlgorithmicMedia", b"c2pa.edited", b"c2pa.opened", b"c2pa.soft-binding"):
        assert said in signed
    assert b"prompt" not in signed


def test_the_inputs_own_credentials_are_kept(authority: Authority) -> None:
    first = sign(_encoded("image/png"), "image/png", Claim("first", "m", "1", (0, 0, 1, 1), "a" * 9), authority).data
    second = sign(_encoded("image/png"), "image/png", CLAIM, authority, first, "image/png").data
    found = read(second, "image/png", authority.root_pem)
    assert found is not None
    assert (found.title, found.state, found.has_parent) == ("result 1", "Trusted", True)
    assert b"a" * 9 in second


@pytest.mark.parametrize("parent", [_encoded("image/png"), b"unreadable"])
def test_the_mark_that_an_input_carried_is_named_though_its_credentials_are_gone(
    authority: Authority, parent: bytes
) -> None:
    claim = replace(CLAIM, parent_mark_id="fedcba987")
    found = read(
        sign(_encoded("image/png"), "image/png", claim, authority, parent, "image/png").data,
        "image/png",
        authority.root_pem,
    )
    assert found is not None
    assert (found.state, found.watermark_id, found.parent_mark_id) == ("Trusted", CLAIM.watermark_id, "fedcba987")


def test_credentials_kept_apart_tell_whether_a_file_is_the_signed_one(authority: Authority) -> None:
    signed = sign(_encoded("image/png"), "image/png", CLAIM, authority)
    files = (signed.data, _encoded("image/png"), _encoded("image/jpeg"))
    found = [
        read(data, f"image/{kind}", authority.root_pem, signed.manifest)
        for data, kind in zip(files, ("png", "png", "jpeg"), strict=True)
    ]
    assert [one and (one.signed_here, one.matches_pixels, one.model) for one in found] == [
        (True, True, CLAIM.model),
        (True, False, CLAIM.model),
        (True, False, CLAIM.model),
    ]


def test_credentials_kept_apart_that_were_changed_are_not_ours_any_more(authority: Authority) -> None:
    signed = sign(_encoded("image/png"), "image/png", CLAIM, authority)
    changed = signed.manifest.replace(CLAIM.model.encode(), b"inpaint-packet")
    found = read(signed.data, "image/png", authority.root_pem, changed)
    assert found is not None
    assert (found.signed_here, found.made_here) == (False, False)
    for broken in (signed.manifest[:200], b""):
        with pytest.raises(CredentialsError):
            read(signed.data, "image/png", authority.root_pem, broken)


def test_without_a_parent_none_is_claimed(authority: Authority) -> None:
    found = read(sign(_encoded("image/png"), "image/png", CLAIM, authority).data, "image/png", authority.root_pem)
    assert found is not None
    assert not found.has_parent
    assert found.state == "Trusted"


def test_a_strangers_signature_is_valid_but_not_ours(authority: Authority, tmp_path: Path) -> None:
    stranger = load_or_create_authority(tmp_path / "stranger")
    signed = sign(_encoded("image/png"), "image/png", CLAIM, stranger).data
    for trusted in (authority.root_pem, None):
        found = read(signed, "image/png", trusted)
        assert found is not None
        assert (found.state, found.made_here) == ("Valid", False)


def test_a_picture_without_credentials_has_none(authority: Authority) -> None:
    assert read(_encoded("image/jpeg"), "image/jpeg", authority.root_pem) is None


@pytest.mark.parametrize("content_type", ["image/gif", "text/plain", ""])
def test_types_that_cannot_carry_credentials_are_refused(content_type: str, authority: Authority) -> None:
    with pytest.raises(CredentialsError, match="image/png"):
        sign(b"GIF89a", content_type, CLAIM, authority)
    with pytest.raises(CredentialsError, match="image/png"):
        read(b"GIF89a", content_type, authority.root_pem)


def test_bytes_that_are_no_picture_are_refused(authority: Authority) -> None:
    with pytest.raises(CredentialsError, match="not released"):
        sign(b"no picture", "image/png", CLAIM, authority)


def test_an_authority_is_made_once_and_its_keys_are_private(tmp_path: Path) -> None:
    made = load_or_create_authority(tmp_path / "a")
    assert load_or_create_authority(tmp_path / "a") == made
    for name in ("signing.key", "root.key"):
        assert stat.S_IMODE((tmp_path / "a" / name).stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o700
    assert "PRIVATE KEY" not in repr(made)


def test_processes_that_start_at_once_share_one_authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    creating = threading.Barrier(2)

    def create(folder: Path) -> None:
        # Were two allowed in here at once, both would pass the barrier and make an authority each.
        with contextlib.suppress(threading.BrokenBarrierError):
            creating.wait(timeout=0.2)
        _create(folder)

    monkeypatch.setattr("safety.authority._create", create)
    with ThreadPoolExecutor(2) as pool:
        made = list(pool.map(load_or_create_authority, [tmp_path / "shared"] * 2))
    assert made[0] == made[1]


def test_half_an_authority_is_refused(tmp_path: Path) -> None:
    load_or_create_authority(tmp_path / "a")
    (tmp_path / "a" / "signing.key").unlink()
    with pytest.raises(CredentialsError, match=r"signing\.key"):
        load_or_create_authority(tmp_path / "a")
    (tmp_path / "file").write_text("")
    with pytest.raises(CredentialsError):
        load_or_create_authority(tmp_path / "file")


def test_keys_that_do_not_sign_are_refused() -> None:
    with pytest.raises(CredentialsError, match="not released"):
        sign(_encoded("image/png"), "image/png", CLAIM, Authority("no", "certificates", "here"))


def test_an_input_with_unreadable_metadata_costs_no_result(authority: Authority) -> None:
    signed = sign(_encoded("image/png"), "image/png", CLAIM, authority, b"not what it says", "image/jpeg").data
    found = read(signed, "image/png", authority.root_pem)
    assert found is not None
    assert (found.state, found.has_parent) == ("Trusted", True)


def test_what_another_program_wrote_is_read_as_far_as_it_goes() -> None:
    actions = [{"action": "c2pa.edited", "softwareAgent": "Other 1.0", "changes": [{"region": [{"type": "temporal"}]}]}]
    manifest = {"assertions": [{"label": "c2pa.actions.v2", "data": {"actions": actions}}]}
    found = credentials({"active_manifest": "x", "manifests": {"x": manifest}, "validation_state": "Valid"})
    assert (found.model, found.mask_box, found.watermark_id, found.has_parent) == ("Other 1.0", None, None, False)
