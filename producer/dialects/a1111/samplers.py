"""Samplers by the names that the web UI shows."""

from __future__ import annotations

from typing import Any

from storage.params import SchedulerName

SAMPLERS = {
    "Euler a": SchedulerName.EULER_ANCESTRAL,
    "Euler": SchedulerName.EULER,
    "DPM++ 2M": SchedulerName.DPMPP_2M,
    "DDIM": SchedulerName.DDIM,
    "PLMS": SchedulerName.PNDM,
    "UniPC": SchedulerName.UNIPC,
    "LCM": SchedulerName.LCM,
}
_ALIASES = {"Euler a": ["k_euler_a", "k_euler_ancestral"], "Euler": ["k_euler"], "DPM++ 2M": ["k_dpmpp_2m"]}
_BY_ANY_NAME = {
    name.lower(): sampler
    for shown, sampler in SAMPLERS.items()
    for name in (shown, sampler.value, *_ALIASES.get(shown, ()))
}


def sampler_of(name: str) -> SchedulerName | None:
    """The sampler of this name, in capitals or not; None if there is none here."""
    return _BY_ANY_NAME.get(name.strip().lower())


def shown_as(sampler: SchedulerName) -> str:
    """How the web UI calls a sampler."""
    return next((name for name, known in SAMPLERS.items() if known is sampler), sampler.value)


def sampler_list() -> list[dict[str, Any]]:
    """As GET /samplers answers."""
    return [{"name": name, "aliases": _ALIASES.get(name, []), "options": {}} for name in SAMPLERS]
