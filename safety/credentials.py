"""Content credentials (C2PA): a signed statement, inside the file, of what was done to a picture and by what.

Everything is offline: no timestamp authority, no certificate status, no remote manifest. The order in which a result
is finished is watermark, then encode, then sign, for the signature covers every byte before it. No prompt and no user
is ever part of the statement.
"""

import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import c2pa

from safety.authority import Authority
from safety.errors import CredentialsError

CONTENT_TYPES = frozenset({"image/png", "image/jpeg", "image/webp"})
MARK_ALGORITHM = "org.inpaintd.mark.1"
_SOURCE_TYPE = "http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia"
_PARENT = "parent"
_OFFLINE = {"verify": {"verify_trust": True, "ocsp_fetch": False, "remote_manifest_fetch": False}}
_SIGNING = {"verify": {"verify_after_sign": False}, "builder": {"thumbnail": {"enabled": False}}}


@dataclass(frozen=True, slots=True)
class Claim:
    """What is stated about a result.

    `mask_box` is the repainted area in pixels (left, top, right, bottom); `watermark_id` is `Mark.id`.
    """

    title: str
    model: str
    software_version: str
    mask_box: tuple[int, int, int, int]
    watermark_id: str


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a file states about itself.

    `state` is "Trusted" (signed by the authority asked about, and intact), "Valid" (intact, signed by someone else)
    or "Invalid" (changed after signing, or badly signed); `problems` are the C2PA status codes behind that.
    `made_here` is whether our software signed it and nothing was changed; it needs the authority to be known.
    """

    state: str
    problems: tuple[str, ...]
    issuer: str | None
    title: str | None
    model: str | None
    software_version: str | None
    mask_box: tuple[int, int, int, int] | None
    watermark_id: str | None
    has_parent: bool

    @property
    def made_here(self) -> bool:
        return self.state == "Trusted"


def sign(
    data: bytes,
    content_type: str,
    claim: Claim,
    authority: Authority,
    parent: bytes | None = None,
    parent_type: str | None = None,
) -> bytes:
    """The file `data` with signed credentials in it; its pixels do not change.

    `parent` is the encoded input picture; credentials that it carries are kept as those of an ingredient.
    Raises CredentialsError when the type cannot carry credentials or the library refuses.
    """
    _check_type(content_type)
    try:
        context = c2pa.Context.from_dict(_SIGNING, signer=_signer(authority))
        builder = c2pa.Builder(_manifest(claim, content_type, parent is not None), context=context)
        if parent is not None:
            ingredient = {"title": "input", "relationship": "parentOf", "label": _PARENT}
            builder.add_ingredient(ingredient, parent_type or content_type, io.BytesIO(parent))
        signed = io.BytesIO()
        builder.sign(content_type, io.BytesIO(data), signed)
    except c2pa.C2paError as error:
        raise CredentialsError(f"The result could not be signed, so it is not released: {error}") from error
    return signed.getvalue()


def read(data: bytes, content_type: str, authority: Authority | None) -> Credentials | None:
    """The newest credentials in a file, or None when it carries none.

    With an `authority`, "Trusted" means signed under it; without, no one is trusted and intact files are "Valid".
    Raises CredentialsError when the file is not readable as `content_type`.
    """
    _check_type(content_type)
    trust = {"trust": {"user_anchors": authority.root_pem}} if authority else {}
    try:
        reader = c2pa.Reader.try_create(content_type, io.BytesIO(data), None, c2pa.Context.from_dict(_OFFLINE | trust))
        return None if reader is None else _credentials(json.loads(reader.json()))
    except c2pa.C2paError as error:
        raise CredentialsError(f"The file's content credentials cannot be read: {error}") from error


def _check_type(content_type: str) -> None:
    if content_type not in CONTENT_TYPES:
        known = ", ".join(sorted(CONTENT_TYPES))
        raise CredentialsError(f"A file of type {content_type} cannot carry credentials here; use one of {known}.")


def _signer(authority: Authority) -> c2pa.Signer:
    info = c2pa.C2paSignerInfo(
        c2pa.C2paSigningAlg.ES256, authority.chain_pem.encode(), authority.key_pem.encode(), None
    )
    return c2pa.Signer.from_info(info)


def _manifest(claim: Claim, content_type: str, has_parent: bool) -> dict[str, Any]:
    opened = {"action": "c2pa.opened", "parameters": {"ingredientIds": [_PARENT]}}
    marked = {"action": "c2pa.watermarked.bound", "description": f"invisible watermark {MARK_ALGORITHM}"}
    actions = [opened] * has_parent + [_edited(claim), marked]
    binding = {"alg": MARK_ALGORITHM, "blocks": [{"scope": {}, "value": claim.watermark_id}]}
    return {
        "claim_generator_info": [{"name": "inpaintd", "version": claim.software_version}],
        "title": claim.title,
        "format": content_type,
        "assertions": [
            {"label": "c2pa.actions.v2", "data": {"actions": actions}},
            {"label": "c2pa.soft-binding", "data": binding},
        ],
    }


def _edited(claim: Claim) -> dict[str, Any]:
    left, top, right, bottom = claim.mask_box
    shape = {
        "type": "rectangle",
        "unit": "pixel",
        "origin": {"x": float(left), "y": float(top)},
        "width": float(right - left),
        "height": float(bottom - top),
    }
    return {
        "action": "c2pa.edited",
        "softwareAgent": {"name": claim.model},
        "digitalSourceType": _SOURCE_TYPE,
        "changes": [{"region": [{"type": "spatial", "shape": shape}], "description": "repainted by a model"}],
    }


def _credentials(store: Mapping[str, Any]) -> Credentials:
    manifest = store["manifests"][store["active_manifest"]]
    generators = manifest.get("claim_generator_info", ())
    versions = (g.get("version") for g in generators if g.get("name") == "inpaintd")
    edited = _action(manifest, "c2pa.edited")
    return Credentials(
        state=store["validation_state"],
        problems=tuple(status["code"] for status in store.get("validation_status") or ()),
        issuer=manifest.get("signature_info", {}).get("issuer"),
        title=manifest.get("title"),
        model=edited.get("softwareAgent", {}).get("name"),
        software_version=next(versions, None),
        mask_box=_mask_box(edited),
        watermark_id=_watermark_id(manifest),
        has_parent=any(i.get("relationship") == "parentOf" for i in manifest.get("ingredients", ())),
    )


def _assertion(manifest: Mapping[str, Any], label: str) -> dict[str, Any]:
    found = (a["data"] for a in manifest.get("assertions", ()) if a["label"] == label)
    return next(found, {})


def _action(manifest: Mapping[str, Any], name: str) -> dict[str, Any]:
    actions = _assertion(manifest, "c2pa.actions.v2").get("actions", ())
    return next((a for a in actions if a.get("action") == name), {})


def _watermark_id(manifest: Mapping[str, Any]) -> str | None:
    binding = _assertion(manifest, "c2pa.soft-binding")
    values = [b.get("value") for b in binding.get("blocks", ())] if binding.get("alg") == MARK_ALGORITHM else []
    return next(iter(values), None)


def _mask_box(edited: Mapping[str, Any]) -> tuple[int, int, int, int] | None:
    """The rectangle of the first region, or None when another program wrote something else there."""
    try:
        shape = edited["changes"][0]["region"][0]["shape"]
        left, top = int(shape["origin"]["x"]), int(shape["origin"]["y"])
        return left, top, left + int(shape["width"]), top + int(shape["height"])
    except (KeyError, IndexError, TypeError):
        return None
