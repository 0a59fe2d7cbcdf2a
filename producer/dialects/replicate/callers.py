"""Who is calling."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends

from producer.dialects.callers import Callers
from storage.key_store import Principal

# "Token" is what older clients of Replicate send.
_CALLERS = Callers(("bearer", "token"), "Authorization: Bearer <key>")
MaySubmit = Annotated[Principal, Depends(_CALLERS.may("submit"))]
MayRead = Annotated[Principal, Depends(_CALLERS.may("read"))]
