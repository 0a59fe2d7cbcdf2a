"""A hash of what a caller asked for, by which the same request is known when it comes again."""

from __future__ import annotations

import hashlib
import json
from dataclasses import fields

from producer.order import FileRef, Order, Source, UrlRef

# They say how a request came, not what it asks for; the pictures are hashed by themselves.
_APART = {"params", "image", "mask", "idempotency_key", "is_retry"}


def fingerprint_of(order: Order) -> str:
    """SHA-256 in hex over every field before defaults that are drawn, such as the seed, are filled in.

    Neither the order of keys nor the boundary of a form changes it; a picture counts by its bytes, its file id, or its
    URL as it was written, so that a copy of a request is known without fetching anything.
    """
    asked = {field.name: getattr(order, field.name) for field in fields(order) if field.name not in _APART}
    asked |= {
        "params": order.params.model_dump(mode="json"),
        "image": _source(order.image),
        "mask": None if order.mask is None else _source(order.mask),
    }
    return hashlib.sha256(json.dumps(asked, sort_keys=True, default=str).encode()).hexdigest()


def _source(source: Source) -> str:
    if isinstance(source, FileRef):
        return source.id
    return source.url if isinstance(source, UrlRef) else hashlib.sha256(source).hexdigest()
