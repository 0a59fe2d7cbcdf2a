"""Lifecycle rules of a bucket: what it deletes by itself should no keeper do it, long after a keeper would have."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

from storage.retention import Days, Kind

OURS = "inpaintd-"
UPLOAD_DAYS = 2
MARGIN_DAYS = 30.0
# An approved result stays in quarantine/, where it was stored.
FOLDERS = {
    "inputs/": Kind.INPUTS,
    "uploads/": Kind.INPUTS,
    "results/": Kind.RESULTS,
    "quarantine/": Kind.RESULTS,
}


def longest(everybody: Days, own: Mapping[str, Days]) -> dict[Kind, float | None]:
    """By kind, the most days for which anybody's content is kept; None is for ever."""
    return {kind: _most([everybody.get(kind), *(days[kind] for days in own.values() if kind in days)]) for kind in Kind}


def rules_for(prefix: str, kept: Days, marks: float | None, *, margin: float = MARGIN_DAYS) -> list[dict[str, Any]]:
    """Rules as S3's API takes them, for objects below `prefix`: empty, or a path with a slash at its end.

    A bucket counts from when an object was stored, the keeper from when a job ended: so a folder is emptied after the
    longest retention, the days that a job may wait for a person, and `margin` days for queueing. What somebody keeps
    for ever gets no rule. `marks` is the policy's retention of stored credentials.
    """
    waiting = (kept.get(Kind.HELD) or 0.0) + margin
    days = {folder: kept.get(kind) for folder, kind in FOLDERS.items()} | {"manifests/": marks}
    abandoned = {
        "ID": f"{OURS}abandoned-uploads",
        "Status": "Enabled",
        "Filter": {"Prefix": prefix},
        "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": UPLOAD_DAYS},
    }
    ending = {folder: found + waiting for folder, found in days.items() if found is not None}
    return [abandoned, *(_expiring(prefix, folder, after) for folder, after in ending.items())]


def merged(found: Iterable[Mapping[str, Any]], ours: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rules of the whole bucket: those that others set stay, ours take the place of earlier ones of ours."""
    return [*(dict(rule) for rule in found if not str(rule.get("ID", "")).startswith(OURS)), *ours]


def _expiring(prefix: str, folder: str, days: float) -> dict[str, Any]:
    return {
        "ID": f"{OURS}{folder.rstrip('/')}",
        "Status": "Enabled",
        "Filter": {"Prefix": prefix + folder},
        "Expiration": {"Days": math.ceil(days)},
    }


def _most(days: list[float | None]) -> float | None:
    return None if None in days else max(one for one in days if one is not None)
