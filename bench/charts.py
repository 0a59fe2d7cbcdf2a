"""How the charts in docs/ look, and how they are written: the same bytes for the same figures."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import matplotlib as mpl

mpl.use("svg")
from matplotlib import pyplot as plt
from matplotlib.axes import Axes

OURS, OTHERS, INK = "#1f6feb", "#9aa5b1", "#24292f"


@contextmanager
def chart(path: Path, height: float) -> Iterator[Axes]:
    """Axes to draw on, 7 by `height` inches; the SVG is written to `path` at the end."""
    plt.rcParams.update({"svg.hashsalt": "inpaintd", "font.size": 11})
    figure, axes = plt.subplots(figsize=(7, height))
    axes.spines[["top", "right"]].set_visible(False)
    yield axes
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)
