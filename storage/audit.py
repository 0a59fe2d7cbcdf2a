"""A decision as the audit record keeps it: what was judged, by which policy, what came of it, and who answers for it.

Plain values only. What is worth erasing by itself stands apart (`Prompts`, `Pictures`, `user`), because each has a
retention of its own; storage/audit_chain.py makes columns and hashes of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

SERVICE = "inpaintd"


class Stage(StrEnum):
    """What a decision was about."""

    PROMPT = "prompt"
    INPUT = "input"
    """The picture and its mask; the job went no further."""
    RESULT = "result"
    """What was made, and the input it was made from."""
    REVIEW = "review"
    """A person's decision on a job that was held."""
    BEHAVIOR = "behavior"
    ERASURE = "erasure"
    """Content that was erased on request: the subject is the erasure itself."""


@dataclass(frozen=True, slots=True)
class PolicyId:
    """Which rules were applied: `sha256` in hex is that of the policy's bytes."""

    name: str
    version: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Wording:
    """Both prompts of a request, in one of the forms that they pass through."""

    prompt: str
    negative_prompt: str = ""


@dataclass(frozen=True, slots=True)
class Prompts:
    """The prompts as they came, as the rules read them, and as the model reads them (without the syntax of weights)."""

    submitted: Wording
    normalized: Wording
    used: Wording


@dataclass(frozen=True, slots=True)
class Print:
    """By what a picture is known again: SHA-256 of its bytes in hex; PDQ in 64 hex digits and its quality, 0..100."""

    sha256: str
    pdq: str | None = None
    quality: int | None = None


@dataclass(frozen=True, slots=True)
class Output:
    """One picture that was made. Without marks where it was blocked, for then it was never marked nor stored."""

    picture: Print
    watermark_id: str | None = None
    key_id: str | None = None
    manifest_sha256: str | None = None


@dataclass(frozen=True, slots=True)
class Pictures:
    """What is known of the pictures that a decision looked at."""

    input: Print | None = None
    mask: Print | None = None
    outputs: tuple[Output, ...] = ()


@dataclass(frozen=True, slots=True)
class Decision:
    """One decision. `findings`, `signals` and `waived` are those of a verdict's `audit_dict`.

    `action` is the policy's (allow, label, review, block) or a person's (approve, reject). `reason` is a code; a
    person's decision has one. `note` is a person's own words. `user` is the pseudonym of the tenant's end-user.
    `erased` is the receipt of an erasure.
    """

    stage: Stage
    action: str
    policy: PolicyId
    findings: Sequence[Mapping[str, Any]] = ()
    signals: Sequence[Mapping[str, Any]] = ()
    waived: Sequence[Mapping[str, Any]] = ()
    prompts: Prompts | None = None
    pictures: Pictures | None = None
    user: str | None = None
    actor: str = SERVICE
    automated: bool = True
    reason: str | None = None
    note: str | None = None
    erased: Mapping[str, Any] | None = None

    @classmethod
    def of_verdict(
        cls,
        stage: Stage,
        policy: PolicyId,
        verdict: Mapping[str, Any],
        prompts: Prompts | None = None,
        pictures: Pictures | None = None,
        user: str | None = None,
    ) -> Decision:
        """What a check decided; `verdict` is its `audit_dict`."""
        lists = (verdict["findings"], verdict["signals"], verdict.get("waived", ()))
        return cls(stage, verdict["action"], policy, *lists, prompts, pictures, user)

    def columns(self) -> dict[str, Any]:
        """JSON by retention class: `record`, `prompts` (and a person's words), `hashes`, `user`; None where empty."""
        words = {"prompts": self.prompts and _forms(self.prompts), "note": self.note}
        return {
            "record": self._record(),
            "prompts": words if any(words.values()) else None,
            "hashes": self.pictures and _hashes(self.pictures),
            "user": self.user,
        }

    def _record(self) -> dict[str, Any]:
        policy = self.policy
        return {
            "stage": self.stage,
            "action": self.action,
            "policy": {"name": policy.name, "version": policy.version, "sha256": policy.sha256},
            "findings": list(self.findings),
            "signals": _grouped(self.signals),
            "waived": list(self.waived),
            "actor": self.actor,
            "automated": self.automated,
            "reason": self.reason,
            **({} if self.erased is None else {"erased": dict(self.erased)}),
        }


def signals_of(record: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The signals in a `record` column, as they were handed in."""
    return [dict(zip(_SIGNAL, (*one, *source), strict=True)) for source, some in _sources(record) for one in some]


# A result has dozens of signals of the same few sources; writing each source once makes the column a third as long.
_SIGNAL = ("name", "value", "threshold", "error", "backend", "version")


def _grouped(signals: Sequence[Mapping[str, Any]]) -> list[list[Any]]:
    groups: dict[tuple[str, str], list[list[Any]]] = {}
    for s in signals:
        groups.setdefault((s["backend"], s["version"]), []).append([s["name"], s["value"], s["threshold"], s["error"]])
    return [[*source, some] for source, some in groups.items()]


def _sources(record: Mapping[str, Any]) -> Iterator[tuple[tuple[str, str], list[list[Any]]]]:
    for backend, version, some in record["signals"]:
        yield (backend, version), some


# By hand and not with dataclasses.asdict, which takes longer than everything else about writing a record.
def _forms(prompts: Prompts) -> dict[str, Any]:
    forms = {"submitted": prompts.submitted, "normalized": prompts.normalized, "used": prompts.used}
    return {form: {"prompt": both.prompt, "negative_prompt": both.negative_prompt} for form, both in forms.items()}


def _print(seen: Print | None) -> dict[str, Any] | None:
    return None if seen is None else {"sha256": seen.sha256, "pdq": seen.pdq, "quality": seen.quality}


def _hashes(pictures: Pictures) -> dict[str, Any]:
    return {
        "input": _print(pictures.input),
        "mask": _print(pictures.mask),
        "outputs": [_output(made) for made in pictures.outputs],
    }


def _output(made: Output) -> dict[str, Any]:
    return {
        "picture": _print(made.picture),
        "watermark_id": made.watermark_id,
        "key_id": made.key_id,
        "manifest_sha256": made.manifest_sha256,
    }
