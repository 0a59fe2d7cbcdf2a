"""A bounded number of places for slow work, and no tenant has them all."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from producer.errors import ComeAgain
from storage.errors import LimitReached


class Places:
    """How many may be taken at once by all tenants together, and by one. Nobody waits for one: that takes a thread."""

    def __init__(self, what: str, most: int, most_a_tenant: int, *, code: str, seconds: float) -> None:
        """`what` is done in a place, in the plural; `code` refuses it where all are taken, for about `seconds`."""
        self._what, self._code, self._seconds = what, code, seconds
        self._most, self._most_a_tenant = most, most_a_tenant
        self._taken: Counter[str] = Counter()
        self._lock = threading.Lock()

    @contextmanager
    def taken(self, tenant_id: str) -> Iterator[None]:
        """A place for the time of the block. Raises LimitReached for this tenant, ComeAgain for everybody."""
        with self._lock:
            if self._taken[tenant_id] >= self._most_a_tenant:
                raise LimitReached(f"{self._most_a_tenant} {self._what} at once", self._seconds)
            if self._taken.total() >= self._most:
                raise ComeAgain(self._code, f"This process does {self._most} {self._what} already.", self._seconds)
            self._taken[tenant_id] += 1
        try:
            yield
        finally:
            with self._lock:
                self._taken[tenant_id] -= 1
                self._taken += Counter()  # forgets tenants that have none
