"""Who signs: a local certificate authority with one signing certificate, made on first use.

The root is trusted by nobody but this installation, which is what "made here" means. An operator with a certificate
of its own uses that instead: see safety/certificate.py.
"""

import contextlib
import datetime as dt
import fcntl
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey, generate_private_key
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from safety.errors import CredentialsError

_ROOT, _CHAIN, _KEY, _ROOT_KEY = "root.pem", "chain.pem", "signing.key", "root.key"
# Extended key usages that C2PA takes (specification 2.1, 14.5.1): emailProtection, documentSigning (RFC 9336), its own.
PURPOSES = (ExtendedKeyUsageOID.EMAIL_PROTECTION.dotted_string, "1.3.6.1.5.5.7.3.36", "1.3.6.1.4.1.62558.2.1")
_ROOT_LIFE = dt.timedelta(days=3650)
_LEAF_LIFE = dt.timedelta(days=1825)
_BACKDATED = dt.timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Authority:
    """Signing material, all PEM: the root certificate, the signing chain (leaf first), the leaf's private key.

    `algorithm` is the one that fits the key, as C2PA names it.
    """

    root_pem: str
    chain_pem: str
    key_pem: str = field(repr=False)
    algorithm: str = "ES256"


def load_or_create_authority(folder: Path) -> Authority:
    """The authority kept in `folder`, made there (key files readable by the owner only) when there is none.

    Several processes may start at once: the first to finish wins, and all use what it wrote.
    Raises CredentialsError when the folder holds only part of an authority or cannot be used.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with _locked(folder):
            if not any((folder / name).exists() for name in (_ROOT, _CHAIN, _KEY)):
                _create(folder)
        refuse_shared(folder / _KEY)
        return Authority(*((folder / name).read_text() for name in (_ROOT, _CHAIN, _KEY)))
    except OSError as error:
        raise CredentialsError(
            f"Signing needs {_ROOT}, {_CHAIN} and {_KEY} in {folder}: {error.strerror}. Restore what is missing, "
            "or empty the folder to have a new authority made; results signed before will then read as foreign."
        ) from error


def local_root(folder: Path) -> str | None:
    """The root certificate (PEM) of the authority kept in `folder`, None when there is none; no key is read."""
    try:
        return (folder / _ROOT).read_text()
    except OSError:
        return None


def refuse_shared(key: Path) -> None:
    """Raises CredentialsError when others than its owner may read or change a private key, OSError when it is gone."""
    if key.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise CredentialsError(
            f"The private key {key} can be read by others than its owner, who could then sign in your name: "
            f"run `chmod 600 {key}`, and have a new certificate made if others may have read it."
        )


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _create(folder: Path) -> None:
    root_key, leaf_key = generate_private_key(SECP256R1()), generate_private_key(SECP256R1())
    root = _root(root_key)
    leaf = _leaf(leaf_key, root, root_key)
    _write(folder / _ROOT_KEY, _key_pem(root_key))
    _write(folder / _KEY, _key_pem(leaf_key))
    _write(folder / _CHAIN, _pem(leaf) + _pem(root))
    _write(folder / _ROOT, _pem(root))


def _root(key: EllipticCurvePrivateKey) -> x509.Certificate:
    name = _name("inpaintd local authority")
    usage = _key_usage(signs_content=False)
    return (
        _builder(name, name, key, _ROOT_LIFE)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .sign(key, hashes.SHA256())
    )


def _leaf(key: EllipticCurvePrivateKey, root: x509.Certificate, root_key: EllipticCurvePrivateKey) -> x509.Certificate:
    # C2PA asks of a signing certificate: not a CA, digitalSignature only, and an extended usage it knows.
    identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(root_key.public_key())
    return (
        _builder(_name("inpaintd signer"), root.subject, key, _LEAF_LIFE)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(signs_content=True), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION]), critical=False)
        .add_extension(identifier, critical=False)
        .sign(root_key, hashes.SHA256())
    )


def _builder(
    subject: x509.Name, issuer: x509.Name, key: EllipticCurvePrivateKey, life: dt.timedelta
) -> x509.CertificateBuilder:
    now = dt.datetime.now(dt.UTC)
    return (
        x509.CertificateBuilder(issuer, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - _BACKDATED)
        .not_valid_after(now + life)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _key_usage(*, signs_content: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=signs_content,
        key_cert_sign=not signs_content,
        crl_sign=not signs_content,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _name(common_name: str) -> x509.Name:
    organization = x509.NameAttribute(NameOID.ORGANIZATION_NAME, "inpaintd")
    return x509.Name([organization, x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def _key_pem(key: EllipticCurvePrivateKey) -> str:
    encryption = serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption).decode()


def _write(path: Path, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
