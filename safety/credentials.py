"""Content credentials (C2PA): a signed statement, inside the file, of what was done to a picture and by what.

Everything is offline: no timestamp authority, no certificate status, no remote manifest. The order in which a result
is finished is watermark, then encode, then sign, for the signature covers every byte before it. No prompt and no user
is ever part of the statement.
"""

import io
import json
from dataclasses import dataclass

import c2pa

from safety.authority import PURPOSES, Authority
from safety.errors import CredentialsError
from safety.manifest import Claim, Credentials, credentials, manifest, parent_ingredient

__all__ = ["CONTENT_TYPES", "Claim", "Credentials", "Signed", "read", "sign"]

CONTENT_TYPES = frozenset({"image/png", "image/jpeg", "image/webp"})
_OFFLINE = {"verify": {"verify_trust": True, "ocsp_fetch": False, "remote_manifest_fetch": False}}
_SIGNING = {"verify": {"verify_after_sign": False}, "builder": {"thumbnail": {"enabled": False}}}


@dataclass(frozen=True, slots=True)
class Signed:
    """A file with its credentials, and the same credentials by themselves, to be kept for when the file loses them."""

    data: bytes
    manifest: bytes


def sign(
    data: bytes,
    content_type: str,
    claim: Claim,
    authority: Authority,
    parent: bytes | None = None,
    parent_type: str | None = None,
) -> Signed:
    """The file `data` with signed credentials in it; its pixels do not change.

    `parent` is the encoded input picture; credentials that it carries are kept as those of an ingredient.
    Raises CredentialsError when the type cannot carry credentials or the library refuses.
    """
    _check_type(content_type)
    try:
        context = c2pa.Context.from_dict(_SIGNING, signer=_signer(authority))
        builder = c2pa.Builder(manifest(claim, content_type, parent is not None), context=context)
        if parent is not None:
            _add_parent(builder, claim, parent, parent_type or content_type)
        signed = io.BytesIO()
        statement = builder.sign(content_type, io.BytesIO(data), signed)
    except c2pa.C2paError as error:
        raise CredentialsError(f"The result could not be signed, so it is not released: {error}") from error
    return Signed(signed.getvalue(), statement)


def read(data: bytes, content_type: str, anchors: str | None, stored: bytes | None = None) -> Credentials | None:
    """The newest credentials of a file, or None when it carries none.

    `anchors` are the root certificates (PEM) under which "Trusted" credentials are signed; without any, no one is
    trusted and intact files are "Valid". `stored` are credentials kept apart (`Signed.manifest`) to be held against
    the file instead of its own. Raises CredentialsError when the file, or what was stored, is not readable.
    """
    _check_type(content_type)
    trust = {"trust_config": "\n".join(PURPOSES)} | ({"user_anchors": anchors} if anchors else {})
    context = c2pa.Context.from_dict(_OFFLINE | {"trust": trust})
    try:
        reader = c2pa.Reader.try_create(content_type, io.BytesIO(data), stored, context)
        return None if reader is None else credentials(json.loads(reader.json()))
    except c2pa.C2paError as error:
        raise CredentialsError(f"The file's content credentials cannot be read: {error}") from error


def _add_parent(builder: c2pa.Builder, claim: Claim, parent: bytes, parent_type: str) -> None:
    ingredient = parent_ingredient(claim)
    try:
        builder.add_ingredient(ingredient, parent_type, io.BytesIO(parent))
    except c2pa.C2paError:
        # Metadata that this library cannot parse is no reason to lose a finished result: the input is still named,
        # without what it says of itself.
        builder.add_ingredient(ingredient, "application/octet-stream", io.BytesIO(parent))


def _check_type(content_type: str) -> None:
    if content_type not in CONTENT_TYPES:
        known = ", ".join(sorted(CONTENT_TYPES))
        raise CredentialsError(f"A file of type {content_type} cannot carry credentials here; use one of {known}.")


def _signer(authority: Authority) -> c2pa.Signer:
    algorithm = c2pa.C2paSigningAlg[authority.algorithm]
    info = c2pa.C2paSignerInfo(algorithm, authority.chain_pem.encode(), authority.key_pem.encode(), None)
    return c2pa.Signer.from_info(info)
