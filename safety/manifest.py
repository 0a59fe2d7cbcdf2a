"""What content credentials say, as C2PA writes it. Shapes only: no files, no keys."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

MARK_ALGORITHM = "org.inpaintd.mark.1"
PARENT = "parent"
_SOURCE_TYPE = "http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia"


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


def manifest(claim: Claim, content_type: str, has_parent: bool) -> dict[str, Any]:
    """The manifest definition for the library. An ingredient labeled `PARENT` must be added when `has_parent`."""
    # C2PA wants every history to begin with one of these two.
    opened = {"action": "c2pa.opened", "parameters": {"ingredientIds": [PARENT]}}
    created = {"action": "c2pa.created", "digitalSourceType": _SOURCE_TYPE}
    marked = {"action": "c2pa.watermarked.bound", "description": f"invisible watermark {MARK_ALGORITHM}"}
    actions = [opened if has_parent else created, _edited(claim), marked]
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


def credentials(store: Mapping[str, Any]) -> Credentials:
    """What the active manifest of a manifest store, as the library reports it, says."""
    active = store["manifests"][store["active_manifest"]]
    generators = active.get("claim_generator_info", ())
    versions = (g.get("version") for g in generators if g.get("name") == "inpaintd")
    edited = _action(active, "c2pa.edited")
    return Credentials(
        state=store["validation_state"],
        problems=tuple(status["code"] for status in store.get("validation_status") or ()),
        issuer=active.get("signature_info", {}).get("issuer"),
        title=active.get("title"),
        model=_agent(edited),
        software_version=next(versions, None),
        mask_box=_mask_box(edited),
        watermark_id=_watermark_id(active),
        has_parent=any(i.get("relationship") == "parentOf" for i in active.get("ingredients", ())),
    )


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
