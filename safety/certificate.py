"""An operator's own certificate: refused at start, with a sentence, when it could not sign what others would trust."""

import datetime as dt
from io import BytesIO
from itertools import pairwise
from pathlib import Path
from typing import TypeVar

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from PIL import Image

from safety.authority import PURPOSES, Authority, load_or_create_authority, local_root, refuse_shared
from safety.credentials import Claim, read, sign
from safety.errors import CredentialsError, SettingsError
from safety.settings import SafetySettings

T = TypeVar("T", bound=x509.ExtensionType)
_CURVES = {"secp256r1": "ES256", "secp384r1": "ES384", "secp521r1": "ES512"}
_SHORTEST_RSA = 2048


def open_authority(settings: SafetySettings) -> Authority:
    """What signs results: the operator's certificate where one is set, else the local authority.

    Raises SettingsError and CredentialsError, each with what to do.
    """
    if settings.certificate is None and settings.certificate_key is None:
        return load_or_create_authority(settings.require_credentials_dir())
    if settings.certificate is None or settings.certificate_key is None:
        raise SettingsError("INPAINTD_CERTIFICATE and INPAINTD_CERTIFICATE_KEY belong together: set both, or neither.")
    return read_certificate(settings.certificate, settings.certificate_key)


def trust_anchors(settings: SafetySettings) -> str | None:
    """The roots (PEM) under which this service has signed, whichever signs now; None where none is known.

    No private key is read. Raises CredentialsError when the operator's certificate cannot be read.
    """
    local = local_root(settings.credentials_dir) if settings.credentials_dir else None
    own = _pem(_chain(settings.certificate)[-1]) if settings.certificate else None
    return "".join(filter(None, (own, local))) or None


def read_certificate(certificate: Path, key: Path) -> Authority:
    """The authority of a certificate chain and its private key, both PEM files. Raises CredentialsError."""
    chain, private = _chain(certificate), _private_key(key)
    _check_chain(certificate, chain)
    if private.public_key() != chain[0].public_key():
        raise CredentialsError(
            f"The private key {key} is not that of the first certificate in {certificate}: put the certificate of "
            "that key first, or name its own key."
        )
    key_pem = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
    authority = Authority(_pem(chain[-1]), "".join(map(_pem, chain)), key_pem, _algorithm(private, key))
    _try(certificate, authority)
    return authority


def _try(certificate: Path, authority: Authority) -> None:
    """Signs a dot as every result will be signed: the last word on a certificate is that of who reads it."""
    dot = BytesIO()
    Image.new("RGB", (1, 1)).save(dot, "PNG")
    statement = Claim("trial", "none", "0", (0, 0, 1, 1), None)
    found = read(sign(dot.getvalue(), "image/png", statement, authority).data, "image/png", authority.root_pem)
    if found is None or not found.made_here:
        why = ", ".join(dict.fromkeys(found.problems)) if found else "nothing reads back"
        raise CredentialsError(
            f"What {certificate} signs would not be trusted under the last certificate in it ({why}): list its issuers "
            "after it, up to the root, and have it made for signing content (C2PA)."
        )


def _chain(path: Path) -> list[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(path.read_bytes())
    except OSError as error:
        raise CredentialsError(f"The certificate {path} cannot be read: {error.strerror}.") from error
    except ValueError as error:
        raise CredentialsError(f"{path} holds no certificates in PEM; see INPAINTD_CERTIFICATE.") from error


def _private_key(path: Path) -> PrivateKeyTypes:
    try:
        refuse_shared(path)
        return serialization.load_pem_private_key(path.read_bytes(), password=None)
    except OSError as error:
        raise CredentialsError(f"The private key {path} cannot be read: {error.strerror}.") from error
    except (ValueError, TypeError):
        # The parser's own words might quote the key.
        raise CredentialsError(f"{path} holds no private key in PEM that can be read without a password.") from None


def _check_chain(path: Path, chain: list[x509.Certificate]) -> None:
    now = dt.datetime.now(dt.UTC)
    for index, one in enumerate(chain):
        if not one.not_valid_before_utc <= now <= one.not_valid_after_utc:
            span = f"from {one.not_valid_before_utc:%Y-%m-%d} to {one.not_valid_after_utc:%Y-%m-%d}"
            raise CredentialsError(f"Certificate {index + 1} in {path} is valid {span}, not now: have it renewed.")
    for index, (lower, upper) in enumerate(pairwise(chain)):
        try:
            lower.verify_directly_issued_by(upper)
        except Exception as error:  # whichever way it fails, the chain is broken there
            raise CredentialsError(
                f"Certificate {index + 1} in {path} was not issued by the one after it: list the signing certificate "
                "first, then its issuer, and so on up to the root."
            ) from error
    if problem := _unfit(chain[0]):
        raise CredentialsError(f"The first certificate in {path} {problem}; have one made for signing content (C2PA).")


def _unfit(leaf: x509.Certificate) -> str | None:
    """Why C2PA would not let this certificate sign (specification 2.1, 14.5.1), or None."""
    constraints = _extension(leaf, x509.BasicConstraints)
    if constraints is not None and constraints.ca:
        return "is that of an authority, which signs other certificates"
    usage = _extension(leaf, x509.KeyUsage)
    if usage is None or not usage.digital_signature:
        return "may not make digital signatures (key usage)"
    purposes = _extension(leaf, x509.ExtendedKeyUsage)
    if purposes is None or not any(purpose.dotted_string in PURPOSES for purpose in purposes):
        return "names no purpose that C2PA takes (extended key usage: emailProtection or documentSigning)"
    return None


def _extension(certificate: x509.Certificate, kind: type[T]) -> T | None:
    try:
        return certificate.extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None


def _algorithm(key: PrivateKeyTypes, path: Path) -> str:
    if isinstance(key, EllipticCurvePrivateKey) and key.curve.name in _CURVES:
        return _CURVES[key.curve.name]
    if isinstance(key, Ed25519PrivateKey):
        return "ED25519"
    if isinstance(key, RSAPrivateKey) and key.key_size >= _SHORTEST_RSA:
        return "PS256"
    raise CredentialsError(f"C2PA has no algorithm for the key {path}: use P-256, P-384, P-521, Ed25519 or RSA 2048.")


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode()
