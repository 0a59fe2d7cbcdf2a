"""What content credentials say, as C2PA writes it. Shapes only: no files, no keys."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

MARK_ALGORITHM = "org.inpaintd.mark.2"
_PARENT = "parent"
_PARENT_MARK = f"carries the invisible watermark {MARK_ALGORITHM} {{}}"
_PARENT_MARK_ID = re.compile(re.escape(_PARENT_MARK.format("")) + r"([0-9a-f]+)")
_PIXELS = re.compile(r"assertion\.\w+Hash\.(match|mismatch)")
"""C2PA 2.1, 15.2.2: what the hard binding says, of whatever kind it is."""
_SOURCE_TYPE = "http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia"


@dataclass(frozen=True, slots=True)
class Claim:
    """What is stated about a result.

    `mask_box` is the repainted area in pixels (left, top, right, bottom); `watermark_id` is `Mark.id`, None
    where there was no room for a mark, and `parent_mark_id` that of the mark which the input already carried. It names
    the input's origin even where the input had lost its own credentials.
    """

    title: str
    model: str
    software_version: str
    mask_box: tuple[int, int, int, int]
    watermark_id: str | None
    parent_mark_id: str | None = None


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a file states about itself.

    `state` is "Trusted" (signed by the authority asked about, and intact), "Valid" (intact, signed by someone else)
    or "Invalid" (changed after signing, or badly signed); `problems` are the C2PA status codes behind that.
    `made_here` is whether our software signed it and nothing was changed; it needs the authority to be known.
    `signed_here` asks that of the statement alone, and `matches_pixels` whether the file is the one that was signed.
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
    parent_mark_id: str | None
    signed_here: bool
    matches_pixels: bool

    @property
    def made_here(self) -> bool:
        return self.state == "Trusted"


def manifest(claim: Claim, content_type: str, has_parent: bool) -> dict[str, Any]:
    """The manifest definition for the library. When `has_parent`, `parent_ingredient` must be added to it."""
    # C2PA wants every history to begin with one of these two.
    opened = {"action": "c2pa.opened", "parameters": {"ingredientIds": [_PARENT]}}
    created = {"action": "c2pa.created", "digitalSourceType": _SOURCE_TYPE}
    actions = [opened if has_parent else created, _edited(claim)]
    assertions = [{"label": "c2pa.actions.v2", "data": {"actions": actions}}]
    if claim.watermark_id is not None:
        actions.append({"action": "c2pa.watermarked.bound", "description": f"invisible watermark {MARK_ALGORITHM}"})
        binding = {"alg": MARK_ALGORITHM, "blocks": [{"scope": {}, "value": claim.watermark_id}]}
        assertions.append({"label": "c2pa.soft-binding", "data": binding})
    return {
        "claim_generator_info": [{"name": "inpaintd", "version": claim.software_version}],
        "title": claim.title,
        "format": content_type,
        "assertions": assertions,
    }


def parent_ingredient(claim: Claim) -> dict[str, Any]:
    """What is said of the input picture beside its own credentials."""
    said = {"title": "input", "relationship": "parentOf", "label": _PARENT}
    if claim.parent_mark_id is None:
        return said
    return said | {"description": _PARENT_MARK.format(claim.parent_mark_id)}


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


def credentials(store: Mapping[str, Any]) -> Credentials:
    """What the active manifest of a manifest store, as the library reports it, says."""
    active = store["manifests"][store["active_manifest"]]
    generators = active.get("claim_generator_info", ())
    versions = (g.get("version") for g in generators if g.get("name") == "inpaintd")
    edited, results = _action(active, "c2pa.edited"), store.get("validation_results", {}).get("activeManifest", {})
    good, bad = ({status["code"] for status in results.get(kind, ())} for kind in ("success", "failure"))
    return Credentials(
        state=store["validation_state"],
        problems=tuple(status["code"] for status in store.get("validation_status") or ()),
        issuer=active.get("signature_info", {}).get("issuer"),
        title=active.get("title"),
        model=_agent(edited),
        software_version=next(versions, None),
        mask_box=_mask_box(edited),
        watermark_id=_watermark_id(active),
        has_parent=bool(_parents(active)),
        parent_mark_id=_parent_mark_id(active),
        signed_here="signingCredential.trusted" in good and all(map(_PIXELS.fullmatch, bad)),
        matches_pixels=any(map(_PIXELS.fullmatch, good)) and not any(map(_PIXELS.fullmatch, bad)),
    )


def _parents(manifest: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [i for i in manifest.get("ingredients", ()) if i.get("relationship") == "parentOf"]


def _parent_mark_id(manifest: Mapping[str, Any]) -> str | None:
    found = (_PARENT_MARK_ID.fullmatch(str(parent.get("description"))) for parent in _parents(manifest))
    return next((match[1] for match in found if match), None)


def _assertion(manifest: Mapping[str, Any], label: str) -> dict[str, Any]:
    found = (a["data"] for a in manifest.get("assertions", ()) if a["label"] == label)
    return next(found, {})


def _action(manifest: Mapping[str, Any], name: str) -> dict[str, Any]:
    actions = _assertion(manifest, "c2pa.actions.v2").get("actions", ())
    return next((a for a in actions if a.get("action") == name), {})


def _agent(edited: Mapping[str, Any]) -> str | None:
    """The model's name; other programs may write the agent as plain text."""
    agent = edited.get("softwareAgent")
    return agent.get("name") if isinstance(agent, dict) else agent


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
    except (KeyError, IndexError, TypeError, ValueError):
        return None
