"""When the client sends a request again by itself: never more than a few times, and never if that could double work.

Only `submit_many` goes on for longer, and only while the service says that it is full.
"""

from __future__ import annotations

import random
import time

import httpx

from producer.client.steps import Open, Pause, Send, Steps

TRIES = 4
FIRST_PAUSE_SECONDS = 0.25
# Who is told to wait for longer than this is told so, instead of being kept in a call that seems to hang.
LONGEST_PAUSE_SECONDS = 30.0
TOO_MANY_REQUESTS = 429
# A gateway or the service says that it could not, which does not mean that nothing was done.
PERHAPS_DONE = (502, 503)
FULL = (TOO_MANY_REQUESTS, 503)


class Gate:
    """What requests that are sent together know of a full service: nobody asks before the time that one was told.

    `patience` is how many seconds they go on asking while none of them is let in. Safe for several threads.
    """

    def __init__(self, patience: float) -> None:
        self._patience = patience
        self._opens_at = 0.0
        self._full_since: float | None = None

    def closed_for(self) -> float:
        """Seconds until it makes sense to ask."""
        return max(0.0, self._opens_at - time.monotonic())

    def close(self, seconds: float) -> bool:
        """Holds everybody back for so long; False, and nobody is held back, once patience is over."""
        now = time.monotonic()
        since = self._full_since = now if self._full_since is None else self._full_since
        if now + seconds - since > self._patience:
            return False
        self._opens_at = max(self._opens_at, now + seconds)
        return True

    def let_in(self) -> None:
        """The service takes requests."""
        self._full_since = None


def patiently(step: Send | Open, gate: Gate | None = None) -> Steps[httpx.Response]:
    """What the service answers, once that is no passing trouble or TRIES are used up.

    429 was surely not carried out, so anything may be sent again. A broken connection, 502 and 503 leave that open,
    so only what is repeatable is. `Retry-After` is waited for, up to LONGEST_PAUSE_SECONDS; with a `gate`, that takes
    no try. Raises httpx.TransportError.
    """
    for pause in (*(FIRST_PAUSE_SECONDS * 2**n for n in range(TRIES - 1)), None):
        outcome = yield from _through(gate, step)
        if pause is None or step.request.once or not _may_pass(outcome, repeatable=step.request.repeatable):
            break
        yield Pause(_spread(max(pause, _retry_after(outcome))))
    if isinstance(outcome, httpx.TransportError):
        raise outcome
    return outcome


def _through(gate: Gate | None, step: Send | Open) -> Steps[httpx.Response | httpx.TransportError]:
    while True:
        if gate is not None and (closed := gate.closed_for()):
            yield Pause(_spread(closed))
        try:
            answer: httpx.Response = yield step
        except httpx.TransportError as problem:
            return problem
        if gate is None:
            return answer
        if answer.status_code not in FULL:
            gate.let_in()
            return answer
        asked = _retry_after(answer)
        if not 0 < asked <= LONGEST_PAUSE_SECONDS or not gate.close(asked):
            return answer


def _may_pass(outcome: httpx.Response | httpx.TransportError, *, repeatable: bool) -> bool:
    if isinstance(outcome, httpx.TransportError):
        return repeatable
    passing = outcome.status_code == TOO_MANY_REQUESTS or (repeatable and outcome.status_code in PERHAPS_DONE)
    return passing and _retry_after(outcome) <= LONGEST_PAUSE_SECONDS


def _spread(seconds: float) -> float:
    # So that clients that failed together do not come back together.
    return seconds * random.uniform(1.0, 1.25)  # noqa: S311


def _retry_after(outcome: httpx.Response | httpx.TransportError) -> float:
    # Whole seconds is what this service sends; a date, which others may send, counts as nothing said.
    text = outcome.headers.get("Retry-After", "") if isinstance(outcome, httpx.Response) else ""
    return float(text) if text.isascii() and text.isdigit() else 0.0
