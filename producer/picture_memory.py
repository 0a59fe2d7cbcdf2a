"""Pictures that the lines of a batch have in common: fetched, decoded and checked once, not once a line."""

from __future__ import annotations

import threading
from collections import OrderedDict
from contextlib import nullcontext
from typing import NamedTuple

from producer.errors import Refusal
from producer.inputs import Input, Inputs, InputShelf
from producer.order import Order, Source, UrlRef
from storage.params import MaskChannel

MOST_BYTES = 32 * 1024 * 1024
MOST_CHECKED = 4096
MOST_FETCHES = 2


class _Check(NamedTuple):
    """What the check of two pictures depends on; the pictures by their SHA-256."""

    image: str
    mask: str | None
    channel: MaskChannel
    threshold: float
    invert: bool


class PictureMemory:
    """In front of the shelf, for one tenant. For many threads.

    It holds at most MOST_BYTES of pictures, besides the one that was read last; what was found out about the last
    MOST_CHECKED pairs is kept longer.
    """

    def __init__(self, shelf: InputShelf, tenant_id: str) -> None:
        self._shelf = shelf
        self._tenant_id = tenant_id
        self._lock = threading.Lock()
        self._fetching = threading.Semaphore(MOST_FETCHES)
        self._held = 0
        self._inputs: OrderedDict[Source, Input] = OrderedDict()
        self._checked: OrderedDict[_Check, Refusal | None] = OrderedDict()

    def take(self, order: Order) -> Inputs:
        """As InputShelf.take does."""
        mask = None if order.mask is None else self._input(order.mask, "mask")
        inputs = Inputs(self._input(order.image, "image"), mask)
        check = _check(order, inputs)
        with self._lock:
            known = check in self._checked
            refusal = self._checked.get(check)
        if not known:
            refusal = self._verdict(order, inputs)
            with self._lock:
                self._checked[check] = refusal
                if len(self._checked) > MOST_CHECKED:
                    self._checked.popitem(last=False)
        if refusal is not None:
            raise refusal
        return inputs

    def holds(self, source: Source) -> bool:
        """Whether the picture is at hand without being fetched; the bytes themselves always are."""
        return isinstance(source, bytes) or source in self._inputs

    def _verdict(self, order: Order, inputs: Inputs) -> Refusal | None:
        try:
            self._shelf.check(inputs, order.params)
        except Refusal as refusal:
            return refusal
        return None

    def _input(self, source: Source, field: str) -> Input:
        if isinstance(source, bytes):
            return Input.of(source)
        with self._lock:
            if (found := self._inputs.get(source)) is not None:
                self._inputs.move_to_end(source)
                return found
        # A tenant has few places for fetching, and other requests than this one.
        with self._fetching if isinstance(source, UrlRef) else nullcontext():
            read = self._shelf.read(self._tenant_id, source, field)
        with self._lock:
            self._hold(source, read)
        return read

    def _hold(self, source: Source, read: Input) -> None:
        if source in self._inputs:
            return
        self._inputs[source] = read
        self._held += read.held
        while self._held > MOST_BYTES and len(self._inputs) > 1:
            _, old = self._inputs.popitem(last=False)
            self._held -= old.held


def _check(order: Order, inputs: Inputs) -> _Check:
    params, mask = order.params, inputs.mask
    sha256 = None if mask is None else mask.sha256
    return _Check(inputs.image.sha256, sha256, params.mask_channel, params.mask_threshold, params.mask_invert)
