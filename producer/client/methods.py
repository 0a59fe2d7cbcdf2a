"""How a call becomes a method: with the call's own signature and docstring, so that neither is written twice."""

from __future__ import annotations

import functools
import inspect
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar

from producer.client.steps import Steps

P = ParamSpec("P")
T = TypeVar("T")
_SELF = inspect.Parameter("self", inspect.Parameter.POSITIONAL_OR_KEYWORD)


class SyncShell(Protocol):
    """Carries out calls and waits for them."""

    def _run(self, steps: Steps[T]) -> T: ...

    def _iterate(self, steps: Steps[None]) -> Generator[Any, None, None]: ...


class AsyncShell(Protocol):
    """Carries out calls beside others."""

    def _run(self, steps: Steps[T]) -> Awaitable[T]: ...

    def _iterate(self, steps: Steps[None]) -> AsyncGenerator[Any, None]: ...


def sync_method(call: Callable[P, Steps[T]]) -> Callable[Concatenate[SyncShell, P], T]:
    """A method that returns the result of `call`."""

    def method(self: SyncShell, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return self._run(call(*args, **kwargs))

    return _like(call, method)


def sync_iterator(
    call: Callable[P, Steps[None]], _kind: type[T]
) -> Callable[Concatenate[SyncShell, P], Generator[T, None, None]]:
    """A method that returns an iterator over what `call` emits, each a `_kind`."""

    def method(self: SyncShell, /, *args: P.args, **kwargs: P.kwargs) -> Generator[T, None, None]:
        return self._iterate(call(*args, **kwargs))

    return _like(call, method)


def async_method(call: Callable[P, Steps[T]]) -> Callable[Concatenate[AsyncShell, P], Awaitable[T]]:
    """A method whose awaited result is that of `call`."""

    def method(self: AsyncShell, /, *args: P.args, **kwargs: P.kwargs) -> Awaitable[T]:
        return self._run(call(*args, **kwargs))

    return _like(call, method)


def async_iterator(
    call: Callable[P, Steps[None]], _kind: type[T]
) -> Callable[Concatenate[AsyncShell, P], AsyncGenerator[T, None]]:
    """A method that returns an asynchronous iterator over what `call` emits, each a `_kind`."""

    def method(self: AsyncShell, /, *args: P.args, **kwargs: P.kwargs) -> AsyncGenerator[T, None]:
        return self._iterate(call(*args, **kwargs))

    return _like(call, method)


F = TypeVar("F", bound=Callable[..., Any])


def _like(call: Callable[..., Any], method: F) -> F:
    """Lets `help()` and editors show of `method` what `call` says."""
    functools.update_wrapper(method, call, assigned=("__doc__", "__annotations__"))
    shown = inspect.signature(call)
    method.__signature__ = shown.replace(parameters=[_SELF, *shown.parameters.values()])  # type: ignore[attr-defined]
    return method
