"""Client and AsyncClient behind one face, so that each test is written once and holds for both."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator, Awaitable, Iterable, Iterator
from typing import Any

import httpx

from producer.client import AsyncClient, Client


class Waited:
    """An AsyncClient that is used like a Client: every call is waited for, every iteration gone through."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._client = AsyncClient(*args, **kwargs)
        self._runner = asyncio.Runner()
        self._begun: list[Any] = []

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._client, name)
        return self._waited(found) if callable(found) else found

    def _waited(self, method: Any) -> Any:
        def call(*args: Any, **kwargs: Any) -> Any:
            came = method(*args, **kwargs)
            if inspect.isawaitable(came):
                return self._runner.run(_result(came))
            return self._gone_through(came)

        return call

    def _gone_through(self, items: AsyncIterator[Any]) -> Iterator[Any]:
        self._begun.append(items)
        end = object()
        try:
            while (item := self._runner.run(_result(anext(items, end)))) is not end:
                yield item
        finally:
            self._end(items)

    def _end(self, items: Any) -> None:
        if items in self._begun:
            self._begun.remove(items)
            self._runner.run(items.aclose())

    def __enter__(self) -> Waited:
        return self

    def __exit__(self, *_: object) -> None:
        for items in list(self._begun):
            self._end(items)
        self.close()
        self._runner.close()


async def _result(coming: Awaitable[Any]) -> Any:
    return await coming


Either = Client | Waited
CLIENTS: dict[str, type[Any]] = {"sync": Client, "async": Waited}


class Line:
    """Stands between a client and the service: plays `steps`, one for each request, then lets requests through.

    A step is a status, an error to raise, "lost" (the service acts, and its answer is lost), or None. `breaks` says
    after how many lines each of the next streams breaks.
    """

    def __init__(self, client: Either, steps: Iterable[Any] = (), **headers: str) -> None:
        self.steps = list(steps)
        self.seen: list[httpx.Request] = []
        self.breaks: list[int] = []
        self._headers = headers
        inner: Any = client._client if isinstance(client, Waited) else client
        self._http = inner._http
        self._through = self._http.send
        self._http.send = self._send_later if isinstance(client, Waited) else self._send

    @property
    def keys(self) -> list[str | None]:
        """The idempotency keys that were sent."""
        return [request.headers.get("Idempotency-Key") for request in self.seen]

    def _send(self, request: httpx.Request, **options: Any) -> httpx.Response:
        step = self._next(request)
        if step is not None and step != "lost":
            return self._played(step, request)
        answer: httpx.Response = self._through(request, **options)
        if step == "lost":
            raise httpx.ReadError("the connection broke", request=request)
        if self.breaks and options.get("stream"):
            answer.iter_lines = lambda: _some(answer, self.breaks.pop(0))  # type: ignore[method-assign]
        return answer

    async def _send_later(self, request: httpx.Request, **options: Any) -> httpx.Response:
        step = self._next(request)
        if step is not None and step != "lost":
            return self._played(step, request)
        answer: httpx.Response = await self._through(request, **options)
        if step == "lost":
            raise httpx.ReadError("the connection broke", request=request)
        if self.breaks and options.get("stream"):
            answer.aiter_lines = lambda: _some_later(answer, self.breaks.pop(0))  # type: ignore[method-assign]
        return answer

    def _next(self, request: httpx.Request) -> Any:
        self.seen.append(request)
        return self.steps.pop(0) if self.steps else None

    def _played(self, step: Any, request: httpx.Request) -> httpx.Response:
        if isinstance(step, int):
            return httpx.Response(step, headers=self._headers, request=request)
        raise step("away", request=request)


def _some(answer: httpx.Response, count: int) -> Iterator[str]:
    lines = httpx.Response.iter_lines(answer)
    for _ in range(count):
        yield next(lines)
    raise httpx.ReadError("the connection broke")


async def _some_later(answer: httpx.Response, count: int) -> AsyncIterator[str]:
    lines = httpx.Response.aiter_lines(answer)
    for _ in range(count):
        yield await anext(lines)
    raise httpx.ReadError("the connection broke")
