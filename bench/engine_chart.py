"""The chart of the goodput benchmark: how long 95 of 100 jobs take at most, over the rate of arrivals."""

from __future__ import annotations

from itertools import count
from pathlib import Path

from bench.charts import INK, OTHERS, OURS, chart
from bench.goodput import LIMIT_SECONDS, Policy, Traces, centile

STEP, TOP_SECONDS = 0.25, 4.0
STYLES = ("dotted", "dashdot", "dashed", "solid")


def draw_goodput(path: Path, policies: dict[str, Policy], traces: Traces) -> None:
    """Writes an SVG: one line a policy, ours last, up to where it leaves the picture, and the limit across."""
    with chart(path, 3.4) as axes:
        for (name, policy), style in zip(policies.items(), STYLES, strict=True):
            color = OURS if style == STYLES[-1] else OTHERS
            axes.plot(*zip(*_points(policy, traces), strict=True), linestyle=style, color=color, lw=2, label=name)
        axes.axhline(LIMIT_SECONDS, color=INK, lw=0.8)
        axes.set_ylim(0, TOP_SECONDS)
        axes.set_xlim(0)
        axes.set_xlabel("arrivals a second")
        axes.set_ylabel("seconds, 95th percentile")
        axes.legend(loc="upper left", bbox_to_anchor=(1, 1), frameon=False)


def _points(policy: Policy, traces: Traces) -> list[tuple[float, float]]:
    """Rates and seconds; the last point lies on the upper edge of the picture."""
    points: list[tuple[float, float]] = []
    for number in count(1):
        rate, seconds = number * STEP, centile(traces.seconds(policy, number * STEP), 95)
        if seconds > TOP_SECONDS:
            break
        points.append((rate, seconds))
    before, at = points[-1] if points else (rate, seconds)
    share = (TOP_SECONDS - at) / (seconds - at) if points else 0.0
    return [*points, (before + share * (rate - before), TOP_SECONDS)]
