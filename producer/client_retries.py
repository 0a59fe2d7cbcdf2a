"""When the client sends a request again by itself: never more than a few times, and never if that could double work."""

from __future__ import annotations

import random
import time
from collections.abc import Callable

import httpx

TRIES = 4
FIRST_PAUSE_SECONDS = 0.25
# Who is told to wait for longer than this is told so, instead of being kept in a call that seems to hang.
LONGEST_PAUSE_SECONDS = 30.0
TOO_MANY_REQUESTS = 429
# A gateway or the service says that it could not, which does not mean that nothing was done.
PERHAPS_DONE = (502, 503)


def send_patiently(send: Callable[[], httpx.Response], *, repeatable: bool) -> httpx.Response:
    """What `send` answers, once that is no passing trouble or TRIES are used up.

    429 was surely not carried out, so anything may be sent again. A broken connection, 502 and 503 leave that open,
    so only what is `repeatable` is. `Retry-After` is waited for, up to LONGEST_PAUSE_SECONDS.
    Raises httpx.TransportError.
    """
    for pause in (FIRST_PAUSE_SECONDS * 2**n for n in range(TRIES - 1)):
        try:
            answer = send()
        except httpx.TransportError:
            if not repeatable:
                raise
        else:
            if not (answer.status_code == TOO_MANY_REQUESTS or (repeatable and answer.status_code in PERHAPS_DONE)):
                return answer
            if (asked := _retry_after(answer)) > LONGEST_PAUSE_SECONDS:
                return answer
            pause = max(pause, asked)
        # Spread, so that clients that failed together do not come back together.
        time.sleep(pause * random.uniform(1.0, 1.25))  # noqa: S311
    return send()


def _retry_after(answer: httpx.Response) -> float:
    # Whole seconds is what this service sends; a date, which others may send, counts as nothing said.
    text = answer.headers.get("Retry-After", "")
    return float(text) if text.isascii() and text.isdigit() else 0.0
