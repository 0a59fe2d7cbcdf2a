"""What several programs count, in the registry of their process. Labels never name a tenant, a user or a job."""

from __future__ import annotations

from prometheus_client import Counter

VERDICTS = Counter(
    "inpaintd_safety_verdicts",
    "Verdicts on prompts, inputs and results, by stage and action",
    ["stage", "action"],
)
RINGS_LOST = Counter(
    "inpaintd_rings_lost",
    "Rings that did not reach Redis: too many wait (`full`), or it takes none (`failed`); workers look by themselves",
    ["reason"],
)
