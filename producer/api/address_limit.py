"""How often one address may ask where no key is needed. Kept in this process, and nowhere else."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from ipaddress import ip_address, ip_network
from threading import Lock

from producer.errors import ComeAgain

BURST = 5
MOST_ADDRESSES = 10_000
# One customer of a provider has at least so many addresses of version 6 (RFC 6177).
_PREFIX_6 = 64


class AddressLimit:
    """The generic cell rate algorithm (ITU-T I.371) for each of the addresses that asked last. For many threads."""

    def __init__(self, per_minute: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._interval = 60.0 / per_minute
        self._clock = clock
        self._due: OrderedDict[str, float] = OrderedDict()
        self._lock = Lock()

    def admit(self, address: str) -> None:
        """Counts one request. Raises ComeAgain (`too_many_requests`)."""
        who, now = _block(address), self._clock()
        with self._lock:
            due = max(self._due.get(who, 0.0), now)
            wait = due - now - (BURST - 1) * self._interval
            if wait > 0:
                detail = f"Without a key an address may ask {60 / self._interval:g} times a minute. Use a key, or wait."
                raise ComeAgain("too_many_requests", detail, wait)
            self._due[who] = due + self._interval
            self._due.move_to_end(who)
            if len(self._due) > MOST_ADDRESSES:
                self._due.popitem(last=False)


def _block(address: str) -> str:
    """Whom an address stands for: itself, or the block that one customer has of version 6."""
    try:
        parsed = ip_address(address.partition("%")[0])
    except ValueError:
        return address
    return str(ip_network((parsed, _PREFIX_6), strict=False)) if parsed.version == 6 else str(parsed)
