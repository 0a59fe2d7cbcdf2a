"""Traces: one for each job, from submit to webhook, through every process that had it.

Off by default, and then every function here returns at once and OpenTelemetry is not even imported. A job's row keeps
the place in its trace, as a W3C `traceparent`, by which other processes go on with it.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any

import structlog

if TYPE_CHECKING:
    from storage.otel import Otel

log = structlog.get_logger(__name__)

Block = AbstractContextManager[Any]
_NOTHING: Block = nullcontext()
_otel: Otel | None = None


def start(program: str, endpoint: str | None) -> None:
    """Sends what this process does from now on to the collector at `endpoint`; without one, nothing is traced.

    `program` is `api`, `keeper` or `worker`. Without the packages it says so and goes on: a service does not stay down
    because nobody watches it.
    """
    global _otel
    if endpoint is None:
        return
    try:
        from storage.otel import Otel
    except ImportError:
        log.warning("traces_off", advice="pip install 'inpaintd[otel]', or unset INPAINTD_OTLP_ENDPOINT")
        return
    _otel = Otel(program, endpoint)
    log.info("traces_on")


def stop() -> None:
    """Sends what is left, for some seconds at most."""
    global _otel
    if _otel is not None:
        _otel.close()
        _otel = None


def span(name: str, parent: str | None = None, *, root: bool = False, **about: str | int) -> Block:
    """A span over the block, below `parent` or the span that this thread is in; `root` begins a trace of its own."""
    return _NOTHING if _otel is None else _otel.span(name, parent, root, about)


def record(name: str, parent: str | None, began: float, ended: float) -> None:
    """A span in the past; times are seconds since 1970."""
    if _otel is not None:
        _otel.record(name, parent, began, ended)


def note(**about: str | int) -> None:
    """Adds to what the span that this thread is in says."""
    if _otel is not None:
        _otel.note(about)


def below(traceparent: str | None) -> Block:
    """What happens in the block belongs to the caller's trace; one that is missing or cannot be read is none."""
    return _NOTHING if _otel is None or traceparent is None else _otel.below(traceparent)


def here() -> str | None:
    """The `traceparent` of the span that this thread is in."""
    return None if _otel is None else _otel.here()


def trace_id() -> str | None:
    """The id of the trace that this thread is in, 32 hexadecimal digits."""
    found = here()
    return None if found is None else found.split("-")[1]


def is_on() -> bool:
    """Whether this process is traced."""
    return _otel is not None
