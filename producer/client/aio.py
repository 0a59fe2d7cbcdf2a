"""AsyncClient: every call of Client, carried out beside others on an event loop of asyncio."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Iterable, Mapping
from types import TracebackType
from typing import Any, Self, TypeVar

import httpx

from producer.client import account_calls, batch_calls, event_calls, file_calls, job_calls, webhook_calls
from producer.client.batch_types import BatchAnswer, ResultLine
from producer.client.many import CONCURRENCY, PATIENCE_SECONDS, Many, Submission
from producer.client.methods import async_iterator, async_method
from producer.client.shell import connection, timed, trusts_env
from producer.client.steps import Course, Emit, NextLine, Open, Pause, Pieces, Request, Send, Step, Steps, Work
from producer.client.types import Event, JobView

T = TypeVar("T")


class AsyncClient:
    """One service, one key, for asyncio. Every method is that of Client: awaited, or gone through with `async for`."""

    submit = async_method(job_calls.submit)
    dry_run = async_method(job_calls.dry_run)
    get = async_method(job_calls.get)
    watch = async_iterator(job_calls.watch, JobView)
    wait = async_method(job_calls.wait)
    events = async_iterator(event_calls.events, Event)
    cancel = async_method(job_calls.cancel)
    delete = async_method(job_calls.delete)
    appeal = async_method(job_calls.appeal)
    list = async_method(job_calls.list_)
    download = async_method(job_calls.download)
    feed = async_method(event_calls.feed)

    upload = async_method(file_calls.upload)
    detect = async_method(file_calls.detect)

    send_batch = async_iterator(batch_calls.send_batch, BatchAnswer)
    batch = async_method(batch_calls.batch)
    list_batches = async_method(batch_calls.list_batches)
    batch_results = async_iterator(batch_calls.batch_results, ResultLine)
    cancel_batch = async_method(batch_calls.cancel_batch)

    create_webhook = async_method(webhook_calls.create_webhook)
    list_webhooks = async_method(webhook_calls.list_webhooks)
    get_webhook = async_method(webhook_calls.get_webhook)
    update_webhook = async_method(webhook_calls.update_webhook)
    delete_webhook = async_method(webhook_calls.delete_webhook)
    webhook_secrets = async_method(webhook_calls.webhook_secrets)
    rotate_webhook = async_method(webhook_calls.rotate_webhook)
    test_webhook = async_method(webhook_calls.test_webhook)
    webhook_deliveries = async_method(webhook_calls.webhook_deliveries)
    webhook_delivery = async_method(webhook_calls.webhook_delivery)
    replay_webhook = async_method(webhook_calls.replay_webhook)

    models = async_method(account_calls.models)
    usage = async_method(account_calls.usage)

    def __init__(
        self, url: str | None = None, key: str | None = None, timeout: float = 30.0, *, keyless: bool = False
    ) -> None:
        """As Client. Raises ClientMisconfigured."""
        settings = connection(url, key, timeout, keyless=keyless)
        self.url = settings["base_url"]
        self._timeout = timeout
        self._http = httpx.AsyncClient(**settings)

    async def submit_many(
        self,
        jobs: Iterable[Mapping[str, Any]] | AsyncIterable[Mapping[str, Any]],
        *,
        concurrency: int = CONCURRENCY,
        run: str | None = None,
        patience: float = PATIENCE_SECONDS,
    ) -> AsyncGenerator[Submission, None]:
        """As Client's. When the iteration is given up, what is under way is canceled; the same call again goes on."""
        many, numbers = Many(run, patience), itertools.count()
        source = _each(jobs)
        under_way: set[asyncio.Task[Submission]] = set()
        try:
            while True:
                while len(under_way) < max(1, concurrency) and (job := await anext(source, None)) is not None:
                    under_way.add(asyncio.create_task(self._run(many.call(next(numbers), job))))
                if not under_way:
                    return
                done, under_way = await asyncio.wait(under_way, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    yield task.result()
        finally:
            for task in under_way:
                task.cancel()
            await asyncio.gather(*under_way, return_exceptions=True)

    async def close(self) -> None:
        """Lets the connections go."""
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        await self.close()

    async def _run(self, steps: Steps[T]) -> T:
        course = Course(steps)
        async for _ in self._walk(course):
            pass
        return course.result

    def _iterate(self, steps: Steps[None]) -> AsyncGenerator[Any, None]:
        return self._walk(Course(steps))

    async def _walk(self, course: Course[Any]) -> AsyncGenerator[Any, None]:
        async with contextlib.aclosing(_Hands(self._http, self._timeout)) as hands:
            while (step := course.step) is not None:
                if isinstance(step, Emit):
                    yield step.item
                    course.go_on(None)
                    continue
                try:
                    came = await hands.do(step)
                except (httpx.TransportError, OSError) as problem:
                    course.break_off(problem)
                else:
                    course.go_on(came)


class _Hands:
    """Carries out the steps of one call."""

    def __init__(self, http: httpx.AsyncClient, timeout: float) -> None:
        self._http = http
        self._timeout = timeout
        self._stream: httpx.Response | None = None
        self._lines: AsyncIterator[str] = _each(())

    async def do(self, step: Step) -> Any:
        """What comes of a step. Raises httpx.TransportError and OSError."""
        match step:
            case Send(asked):
                return await self._send(asked)
            case Open(asked):
                return await self._open(asked)
            case NextLine():
                return await anext(self._lines, None)
            case Pause(seconds):
                return await asyncio.sleep(seconds)
            case Work(function):
                return await asyncio.to_thread(function)

    async def aclose(self) -> None:
        """Lets go what was opened."""
        if self._stream is not None:
            await self._stream.aclose()

    async def _send(self, asked: Request) -> httpx.Response:
        if not asked.elsewhere:
            return await self._http.send(self._built(asked))
        options = timed(asked, self._timeout)
        async with httpx.AsyncClient(trust_env=trusts_env(asked.path)) as http:
            return await http.request(asked.method, asked.path, **options)

    async def _open(self, asked: Request) -> httpx.Response:
        await self.aclose()
        self._stream = answer = await self._http.send(self._built(asked), stream=True)
        if answer.is_success:
            self._lines = answer.aiter_lines()
        else:
            await answer.aread()
        return answer

    def _built(self, asked: Request) -> httpx.Request:
        options = timed(asked, self._timeout)
        if isinstance(pieces := options.get("content"), Pieces):
            options["content"] = _encoded(pieces)
        return self._http.build_request(asked.method, asked.path, **options)


async def _encoded(pieces: Pieces) -> AsyncIterator[bytes]:
    async for item in _each(pieces.items):
        yield await asyncio.to_thread(pieces.encode, item)


async def _each(items: Iterable[T] | AsyncIterable[T]) -> AsyncIterator[T]:
    if isinstance(items, AsyncIterable):
        async for item in items:
            yield item
    else:
        for item in items:
            yield item
