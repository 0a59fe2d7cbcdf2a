"""The chart of the queue benchmark: drained jobs a second as multiples of Celery with a status row."""

from __future__ import annotations

import statistics
from pathlib import Path

import matplotlib as mpl

mpl.use("svg")
from matplotlib import pyplot as plt

NAMES = {
    "celery": "Celery task that\nwrites a status row",
    "procrastinate": "procrastinate",
    "inpaintd": "inpaintd",
}
COLOURS = {"celery": "#9aa5b1", "procrastinate": "#9aa5b1", "inpaintd": "#1f6feb"}


def draw_chart(path: Path, drained: dict[str, list[float]]) -> None:
    """Writes an SVG: one bar a system, a dot for each round, the median Celery round being 1."""
    plt.rcParams.update({"svg.hashsalt": "inpaintd", "font.size": 11})
    base = statistics.median(drained["celery"])
    figure, axes = plt.subplots(figsize=(7, 2.6))
    for place, name in enumerate(NAMES):
        ratios = [rate / base for rate in drained[name]]
        median = statistics.median(ratios)
        axes.barh(place, median, color=COLOURS[name], height=0.6)
        axes.plot(ratios, [place] * len(ratios), "o", color="#24292f", markersize=4)
        axes.text(max(ratios) + 0.06, place, f"{median:.1f}x", va="center")
    axes.set_yticks(range(len(NAMES)), list(NAMES.values()))
    axes.set_xlabel("drained jobs a second, Celery = 1; dots are rounds")
    axes.spines[["top", "right"]].set_visible(False)
    axes.margins(x=0.12)
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)
