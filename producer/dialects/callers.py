"""Who is calling a dialect: the same API keys, sent as that dialect's clients send theirs."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from fastapi import Request

from producer.api.auth import allowed, principal_of
from producer.api.dependencies import services_of
from storage.key_store import Principal


@dataclass(frozen=True, slots=True)
class Callers:
    """`schemes` are the words before the key in the header Authorization, lower case; `header` shows how it is sent."""

    schemes: tuple[str, ...]
    header: str

    def may(self, scope: str) -> Callable[[Request], Awaitable[Principal]]:
        """A dependency: the caller, whose key has `scope`. Raises Refusal: key_missing, key_invalid, scope_missing."""

        async def check(request: Request) -> Principal:
            return allowed(await principal_of(services_of(request), self._key(request), self.header), scope)

        return check

    def _key(self, request: Request) -> str | None:
        scheme, _, rest = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() not in self.schemes:
            return None
        return _password(rest) if scheme.lower() == "basic" else rest.strip()


def _password(text: str) -> str | None:
    """The password of HTTP Basic (RFC 7617); whatever stands before the colon is nobody's business."""
    try:
        return base64.b64decode(text.strip(), validate=True).decode().partition(":")[2]
    except (binascii.Error, ValueError):
        return None
