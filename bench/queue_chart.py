"""The chart of the queue benchmark: drained jobs a second as multiples of Celery with a status row."""

from __future__ import annotations

import statistics
from pathlib import Path

from bench.charts import INK, OTHERS, OURS, chart

NAMES = {
    "celery": "Celery task that\nwrites a status row",
    "procrastinate": "procrastinate",
    "audited": "inpaintd with\naudit records",
    "inpaintd": "inpaintd",
}


def draw_chart(path: Path, drained: dict[str, list[float]]) -> None:
    """Writes an SVG: one bar a system, a dot for each round, the median Celery round being 1."""
    base = statistics.median(drained["celery"])
    with chart(path, 2.6) as axes:
        for place, name in enumerate(NAMES):
            ratios = [rate / base for rate in drained[name]]
            median = statistics.median(ratios)
            axes.barh(place, median, color=OURS if name in ("inpaintd", "audited") else OTHERS, height=0.6)
            axes.plot(ratios, [place] * len(ratios), "o", color=INK, markersize=4)
            axes.text(max(ratios) + 0.06, place, f"{median:.1f}x", va="center")
        axes.set_yticks(range(len(NAMES)), list(NAMES.values()))
        axes.set_xlabel("drained jobs a second, Celery = 1; dots are rounds")
        axes.margins(x=0.12)
