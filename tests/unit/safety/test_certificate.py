"""An operator's own certificate: what signs with it, and what is refused before anything is signed."""

from __future__ import annotations

import datetime as dt
import io
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from PIL import Image

from safety.authority import load_or_create_authority
from safety.certificate import open_authority, trust_anchors
from safety.credentials import Claim, read, sign
from safety.errors import CredentialsError, SettingsError
from safety.settings import SafetySettings

CLAIM = Claim("result 1", "inpaint-pocket", "0.1.0", (1, 2, 3, 4), "012345678")
NOW = dt.datetime.now(dt.UTC)
DOCUMENTS = x509.ObjectIdentifier("1.3.6.1.5.5.7.3.36")


class Office:
    """A public authority: a root, an intermediate, and certificates made to order."""

    def __init__(self) -> None:
        self.root_key, self.middle_key = (
            ec.generate_private_key(ec.SECP256R1()),
            ec.generate_private_key(ec.SECP384R1()),
        )
        self.root = self._made("root", self.root_key, "root", self.root_key, ca=True)
        self.middle = self._made("middle", self.middle_key, "root", self.root_key, ca=True)

    def leaf(self, key: Any, **order: Any) -> x509.Certificate:
        """A certificate for `key`."""
        return self._made("Example Studio", key, "middle", self.middle_key, **order)

    def _made(
        self,
        name: str,
        key: Any,
        issuer: str,
        signer: Any,
        *,
        ca: bool = False,
        purpose: Any = ExtendedKeyUsageOID.EMAIL_PROTECTION,
        signs: bool = True,
        until: dt.timedelta = dt.timedelta(days=30),
    ) -> x509.Certificate:
        usage = dict.fromkeys(
            ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement", "encipher_only"), False
        )
        sign_usage = x509.KeyUsage(
            digital_signature=signs and not ca, key_cert_sign=ca, crl_sign=ca or not signs, decipher_only=False, **usage
        )
        builder = (
            x509.CertificateBuilder(_name(issuer), _name(name), key.public_key(), x509.random_serial_number())
            .not_valid_before(NOW - dt.timedelta(days=60))
            .not_valid_after(NOW + until)
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
            .add_extension(sign_usage, critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
        )
        if not ca:
            builder = builder.add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
        return builder.sign(signer, hashes.SHA256())


def _name(text: str) -> x509.Name:
    return x509.Name(
        [x509.NameAttribute(NameOID.ORGANIZATION_NAME, text), x509.NameAttribute(NameOID.COMMON_NAME, text)]
    )


@pytest.fixture(scope="module")
def office() -> Office:
    return Office()


def written(folder: Path, key: Any, *chain: x509.Certificate) -> SafetySettings:
    """Settings that name a chain and a key, stored as an operator would."""
    pem = serialization.Encoding.PEM
    (folder / "chain.pem").write_bytes(b"".join(one.public_bytes(pem) for one in chain))
    (folder / "its.key").touch(mode=0o600)
    (folder / "its.key").write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return SafetySettings(certificate=folder / "chain.pem", certificate_key=folder / "its.key")


def picture() -> bytes:
    buffer = io.BytesIO()
    Image.linear_gradient("L").convert("RGB").save(buffer, "PNG")
    return buffer.getvalue()


@pytest.mark.parametrize("rootless", [True, False])
@pytest.mark.parametrize(
    "key",
    [
        ec.generate_private_key(ec.SECP256R1()),
        ec.generate_private_key(ec.SECP384R1()),
        ec.generate_private_key(ec.SECP521R1()),
        ed25519.Ed25519PrivateKey.generate(),
        rsa.generate_private_key(65537, 2048),
    ],
    ids=["p256", "p384", "p521", "ed25519", "rsa"],
)
def test_results_are_signed_with_the_operators_certificate(
    office: Office, tmp_path: Path, key: Any, rootless: bool
) -> None:
    chain = (office.leaf(key), office.middle) if rootless else (office.leaf(key), office.middle, office.root)
    settings = written(tmp_path, key, *chain)
    found = read(
        sign(picture(), "image/png", CLAIM, open_authority(settings)).data, "image/png", trust_anchors(settings)
    )
    assert found is not None
    assert (found.state, found.issuer, found.problems) == ("Trusted", "Example Studio", ())


def test_what_was_signed_before_the_certificate_came_stays_recognized(office: Office, tmp_path: Path) -> None:
    before = sign(picture(), "image/png", CLAIM, load_or_create_authority(tmp_path / "local")).data
    key = ec.generate_private_key(ec.SECP256R1())
    own = written(tmp_path, key, office.leaf(key, purpose=DOCUMENTS), office.middle)
    both = SafetySettings(
        credentials_dir=tmp_path / "local", certificate=own.certificate, certificate_key=own.certificate_key
    )
    after = sign(picture(), "image/png", CLAIM, open_authority(both)).data
    for data in (before, after):
        found = read(data, "image/png", trust_anchors(both))
        assert found is not None
        assert found.made_here


def test_anchors_need_no_private_key(office: Office, tmp_path: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    settings = written(tmp_path, key, office.leaf(key), office.middle)
    (tmp_path / "its.key").unlink()
    assert "CERTIFICATE" in (trust_anchors(settings) or "")
    assert trust_anchors(SafetySettings()) is None
    assert trust_anchors(SafetySettings(credentials_dir=tmp_path / "none")) is None


def test_a_certificate_without_its_issuers_is_refused_by_a_trial(office: Office, tmp_path: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    with pytest.raises(CredentialsError, match="list its issuers"):
        open_authority(written(tmp_path, key, office.leaf(key)))


def test_a_certificate_that_cannot_sign_is_refused_at_start(office: Office, tmp_path: Path) -> None:
    key, other = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    weak, odd = rsa.generate_private_key(65537, 1024), ec.generate_private_key(ec.BrainpoolP256R1())
    middle = office.middle
    refused = [
        (other, (office.leaf(key), middle), "not that of the first certificate"),
        (key, (office.leaf(key, until=-dt.timedelta(days=1)), middle), "have it renewed"),
        (key, (office.leaf(key), office.root), "not issued by the one after it"),
        (key, (office.leaf(key, signs=False), middle), "digital signatures"),
        (key, (office.leaf(key, purpose=ExtendedKeyUsageOID.SERVER_AUTH), middle), "no purpose that C2PA takes"),
        (office.middle_key, (middle, office.root), "that of an authority"),
        (weak, (office.leaf(weak), middle), "use P-256"),
        (odd, (office.leaf(odd), middle), "use P-256"),
    ]
    for index, (its_key, chain, words) in enumerate(refused):
        folder = tmp_path / str(index)
        folder.mkdir()
        with pytest.raises(CredentialsError, match=words):
            open_authority(written(folder, its_key, *chain))


def test_files_that_cannot_be_read_are_refused_without_quoting_them(office: Office, tmp_path: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    settings = written(tmp_path, key, office.leaf(key), office.middle)
    chain, its_key = tmp_path / "chain.pem", tmp_path / "its.key"
    for path, content in ((chain, "nothing of the kind"), (its_key, "MIGHAgEAMBMGByqGSM49")):
        kept = path.read_text()
        path.write_text(content)
        with pytest.raises(CredentialsError, match="in PEM") as refusal:
            open_authority(settings)
        assert content not in str(refusal.value)
        assert refusal.value.__cause__ is None or path == chain
        path.write_text(kept)
        path.rename(tmp_path / "away")
        with pytest.raises(CredentialsError, match="cannot be read"):
            open_authority(settings)
        (tmp_path / "away").rename(path)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620])
def test_a_key_that_others_may_read_or_change_is_refused(office: Office, tmp_path: Path, mode: int) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    settings = written(tmp_path, key, office.leaf(key), office.middle)
    (tmp_path / "its.key").chmod(mode)
    with pytest.raises(CredentialsError, match="chmod 600"):
        open_authority(settings)
    load_or_create_authority(tmp_path / "local")
    (tmp_path / "local" / "signing.key").chmod(mode)
    with pytest.raises(CredentialsError, match="chmod 600"):
        load_or_create_authority(tmp_path / "local")


def test_certificate_and_key_belong_together(tmp_path: Path) -> None:
    for half in (SafetySettings(certificate=tmp_path / "c"), SafetySettings(certificate_key=tmp_path / "k")):
        with pytest.raises(SettingsError, match="set both, or neither"):
            open_authority(half)


def test_no_private_key_shows_in_what_is_logged(office: Office, tmp_path: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    authority = open_authority(written(tmp_path, key, office.leaf(key), office.middle))
    assert "PRIVATE KEY" in authority.key_pem
    assert "PRIVATE KEY" not in f"{authority!r} {authority}"
