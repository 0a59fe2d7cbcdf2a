"""What the ways to share one real device among jobs have in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from PIL import Image

from bench.paint_requests import OUR_LEVEL, as_png, paint_request
from safety.classifiers import ConceptClassifier
from worker.engine.request import InpaintRequest, Pixels
from worker.engine.runner import DiffusersRunner
from worker.models import LoadedModel

FILE_THREADS = 8


@dataclass(frozen=True, slots=True, eq=False)
class Order:
    """A job that came at `at` by time.monotonic(); `done()` is called once its file is made."""

    number: int
    at: float
    steps: int
    guided: bool
    done: Callable[[], None]

    def request(self, side: int) -> InpaintRequest:
        """For a picture `side` pixels wide and high."""
        return paint_request(self.number, side, self.steps, self.guided)


class Server(ABC):
    """Works until it is closed."""

    @property
    @abstractmethod
    def rows_done(self) -> int:
        """Rows of all UNet calls so far; a guided step is two."""

    @abstractmethod
    def submit(self, order: Order) -> None:
        """Take a job; returns at once."""

    @abstractmethod
    def close(self) -> None:
        """Drop what waits and stop."""


class CountingRunner(DiffusersRunner):
    """The product's runner, which counts the rows of its calls."""

    rows = 0

    def predict(self, batch: Sequence[Any]) -> list[Any]:
        """See Runner."""
        self.rows += sum(trajectory.rows for trajectory in batch)
        return super().predict(batch)


class Tail:
    """What follows on the picture, off the device's thread but for the check."""

    def __init__(self, model: LoadedModel) -> None:
        self._checker = ConceptClassifier(model.safety_checker, model.feature_extractor, "random")
        self._pool = ThreadPoolExecutor(FILE_THREADS)

    def check(self, picture: Pixels) -> None:
        """The safety check, on the thread that owns the device."""
        self._checker.scores([Image.fromarray(picture)])

    def make_file(self, picture: Pixels, order: Order) -> None:
        """At level 1, on another thread."""
        self._pool.submit(self._file, picture, order)

    def _file(self, picture: Pixels, order: Order) -> None:
        as_png(picture, OUR_LEVEL)
        order.done()
