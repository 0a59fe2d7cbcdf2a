"""What the watermark's benchmark counts: reads by kind of picture, seconds of one core, distances."""

from __future__ import annotations

import math
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np
from PIL import Image

T = TypeVar("T")


@dataclass(slots=True)
class Tally:
    """Reads after one attack."""

    exact: dict[str, list[bool]] = field(default_factory=lambda: defaultdict(list))
    right: list[float] = field(default_factory=list)

    def add(self, kind: str, right: float) -> None:
        """One read, of a picture of this kind, with this share of its bits right."""
        self.exact[kind].append(right == 1.0)
        self.right.append(right)

    @property
    def share(self) -> float:
        """Of how many pictures every bit was right."""
        return float(np.mean([one for reads in self.exact.values() for one in reads]))

    @property
    def worst(self) -> str:
        """The kind with the lowest share and that share; nothing when all were read."""
        kind, reads = min(self.exact.items(), key=lambda item: np.mean(item[1]))
        return "" if all(reads) else f"{kind} {np.mean(reads):.0%}"


@dataclass(slots=True)
class Stopwatch:
    """Milliseconds of CPU time, all threads of the process together: what it takes on one core."""

    taken: list[float] = field(default_factory=list)

    def time(self, work: Callable[[], T]) -> T:
        """Runs `work` and notes what it took."""
        started = time.process_time()
        result = work()
        self.taken.append(1000 * (time.process_time() - started))
        return result

    def __str__(self) -> str:
        return f"median {np.median(self.taken):.0f} ms, p95 {np.percentile(self.taken, 95):.0f} ms"


def psnr(before: Image.Image, after: Image.Image) -> float:
    """Peak signal-to-noise ratio of two RGB pictures in dB."""
    difference = np.asarray(before, np.float32) - np.asarray(after, np.float32)
    error = float(np.mean(difference**2))
    return 10 * math.log10(255**2 / error) if error else math.inf
