"""How far the host may run ahead of the device."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class Lead:
    """Lets the host prepare one UNet call while the device is busy with the one before, and no more.

    Without a lead the device would wait for the host between calls. With a longer one, cancels and newcomers would
    wait behind calls that are already under way, and times taken on the host would mean nothing.
    """

    def __init__(self, make_event: Callable[[], Any]) -> None:
        """`make_event()` gives an event with record() and synchronize(), such as torch.cuda.Event."""
        self._make_event = make_event
        self._last: Any = None

    def launched(self) -> None:
        """A call was launched: wait until the one before is finished."""
        before, self._last = self._last, self._make_event()
        self._last.record()
        if before is not None:
            before.synchronize()
