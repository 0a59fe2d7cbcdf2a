"""What was found out a moment ago, so that it is not asked again at once. Bounded, and for many threads."""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from collections.abc import Hashable
from threading import Lock
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Recent(Generic[K, V]):
    """Keeps up to `most` values, for `seconds` each; the one that was used longest ago goes first."""

    def __init__(self, most: int, seconds: float = math.inf) -> None:
        self._most = most
        self._seconds = seconds
        self._kept: OrderedDict[K, tuple[V, float]] = OrderedDict()
        self._lock = Lock()

    def get(self, key: K) -> V | None:
        """The value, None if there is none or it is too old."""
        with self._lock:
            found = self._kept.get(key)
            if found is None or time.monotonic() >= found[1]:
                return None
            self._kept.move_to_end(key)
            return found[0]

    def put(self, key: K, value: V) -> V:
        """Keeps `value`, and returns it."""
        with self._lock:
            self._kept[key] = value, time.monotonic() + self._seconds
            self._kept.move_to_end(key)
            if len(self._kept) > self._most:
                self._kept.popitem(last=False)
        return value

    def drop(self, key: K) -> None:
        """Forgets one value."""
        with self._lock:
            self._kept.pop(key, None)

    def clear(self) -> None:
        """Forgets everything."""
        with self._lock:
            self._kept.clear()
