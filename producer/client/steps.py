"""What the client's calls are made of: generators that say what to do next, and leave the doing to a shell.

A call yields one of the steps below, is sent what came of it, and returns the call's result. It neither opens a
connection nor sleeps, so that `Client` and `AsyncClient` share every call, and differ in how a step is carried out.
"""

from __future__ import annotations

from collections.abc import AsyncIterable, Callable, Generator, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import httpx

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Pieces:
    """A body that is made while it is sent: `encode` of each item."""

    items: Iterable[Any] | AsyncIterable[Any]
    encode: Callable[[Any], bytes]

    @property
    def once(self) -> bool:
        """Whether the items are used up by sending them."""
        return isinstance(self.items, Iterator | AsyncIterable)


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request; `options` are those of httpx's `build_request`, where `content` may be Pieces.

    One that is `repeatable` does no harm when it is sent twice. The answer may take `slack` seconds longer than the
    client's timeout. `elsewhere`: `path` is a URL of another server, which must not see the key.
    """

    method: str
    path: str
    options: dict[str, Any]
    repeatable: bool = False
    slack: float = 0.0
    elsewhere: bool = False

    @property
    def once(self) -> bool:
        """Whether it cannot be sent a second time."""
        content = self.options.get("content")
        return isinstance(content, Pieces) and content.once


@dataclass(frozen=True, slots=True)
class Send:
    """Send the request; comes back as the whole httpx.Response. May throw httpx.TransportError."""

    request: Request


@dataclass(frozen=True, slots=True)
class Open:
    """Send the request; comes back as an httpx.Response whose lines are read one by one, unless it is no success."""

    request: Request


@dataclass(frozen=True, slots=True)
class NextLine:
    """Read on in what was opened last; comes back as a line, or None at the end. May throw httpx.TransportError."""


@dataclass(frozen=True, slots=True)
class Pause:
    """Wait."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Work:
    """Call `function`, which may read files and take a while; comes back as its result. May throw OSError."""

    function: Callable[[], Any]


@dataclass(frozen=True, slots=True)
class Emit:
    """Hand `item` to whoever iterates over the call."""

    item: Any


Step = Send | Open | NextLine | Pause | Work | Emit
Steps = Generator[Step, Any, T]


class Course(Generic[T]):
    """Where a call stands: at a `step`, or, when that is None, at its end with a `result`."""

    result: T

    def __init__(self, steps: Steps[T]) -> None:
        self._steps = steps
        self.step: Step | None = None
        self.go_on(None)

    def go_on(self, came: Any) -> None:
        """Moves on with what came of the step."""
        self._advance(lambda: self._steps.send(came))

    def break_off(self, problem: httpx.TransportError | OSError) -> None:
        """Moves on after a step that failed."""
        self._advance(lambda: self._steps.throw(problem))

    def _advance(self, advance: Callable[[], Step]) -> None:
        try:
            self.step = advance()
        except StopIteration as end:
            self.step, self.result = None, end.value


def request(method: str, path: str, *, repeatable: bool = False, slack: float = 0.0, **options: Any) -> Request:
    """A request to the service. GET is always repeatable."""
    return Request(method, path, options, repeatable=repeatable or method == "GET", slack=slack)
