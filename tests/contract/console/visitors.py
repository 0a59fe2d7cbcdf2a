"""Browsers of moderators, without a browser: HTTP clients that hold a session."""

from __future__ import annotations

import itertools

import httpx

from storage.moderator_store import ModeratorStore, Role
from tests.contract.api.serving import Stack

_numbers = itertools.count()


def signed_in(stack: Stack, role: Role) -> httpx.Client:
    """A client with the session of a new account of this role."""
    moderators = ModeratorStore(stack.services.database)
    token, _ = moderators.open_session(moderators.add(f"{role}{next(_numbers)}", role))
    return httpx.Client(base_url=stack.url, cookies={"inpaintd_session": token}, timeout=30)
