"""Client: every call, carried out while the caller waits."""

from __future__ import annotations

import contextlib
import itertools
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from types import TracebackType
from typing import Any, Self, TypeVar, cast

import httpx

from producer.client import account_calls, batch_calls, event_calls, file_calls, job_calls, webhook_calls
from producer.client.batch_types import BatchAnswer, ResultLine
from producer.client.many import CONCURRENCY, PATIENCE_SECONDS, Many, Submission
from producer.client.methods import sync_iterator, sync_method
from producer.client.pump import pumped
from producer.client.shell import connection, timed, trusts_env
from producer.client.steps import Course, Emit, NextLine, Open, Pause, Pieces, Request, Send, Step, Steps, Work
from producer.client.types import Event, JobView

T = TypeVar("T")


class Client:
    """One service, one key. Safe to use from several threads; close it or use it in a `with` block.

    Pictures are bytes, a Path to a file, the `file_` id of an earlier upload, or an `https:` URL, which the service
    fetches. Errors are those of producer.client.errors.
    """

    submit = sync_method(job_calls.submit)
    dry_run = sync_method(job_calls.dry_run)
    get = sync_method(job_calls.get)
    watch = sync_iterator(job_calls.watch, JobView)
    wait = sync_method(job_calls.wait)
    events = sync_iterator(event_calls.events, Event)
    cancel = sync_method(job_calls.cancel)
    delete = sync_method(job_calls.delete)
    appeal = sync_method(job_calls.appeal)
    list = sync_method(job_calls.list_)
    download = sync_method(job_calls.download)
    feed = sync_method(event_calls.feed)

    upload = sync_method(file_calls.upload)
    detect = sync_method(file_calls.detect)

    send_batch = sync_iterator(batch_calls.send_batch, BatchAnswer)
    batch = sync_method(batch_calls.batch)
    list_batches = sync_method(batch_calls.list_batches)
    batch_results = sync_iterator(batch_calls.batch_results, ResultLine)
    cancel_batch = sync_method(batch_calls.cancel_batch)

    create_webhook = sync_method(webhook_calls.create_webhook)
    list_webhooks = sync_method(webhook_calls.list_webhooks)
    get_webhook = sync_method(webhook_calls.get_webhook)
    update_webhook = sync_method(webhook_calls.update_webhook)
    delete_webhook = sync_method(webhook_calls.delete_webhook)
    webhook_secrets = sync_method(webhook_calls.webhook_secrets)
    rotate_webhook = sync_method(webhook_calls.rotate_webhook)
    test_webhook = sync_method(webhook_calls.test_webhook)
    webhook_deliveries = sync_method(webhook_calls.webhook_deliveries)
    webhook_delivery = sync_method(webhook_calls.webhook_delivery)
    replay_webhook = sync_method(webhook_calls.replay_webhook)

    models = sync_method(account_calls.models)
    usage = sync_method(account_calls.usage)

    def __init__(
        self, url: str | None = None, key: str | None = None, timeout: float = 30.0, *, keyless: bool = False
    ) -> None:
        """`url` and `key` default to INPAINTD_URL and INPAINTD_KEY; `timeout` is seconds for one answer.

        A client that is `keyless` may go without a key, with which a service answers `detect` at most.
        Raises ClientMisconfigured.
        """
        settings = connection(url, key, timeout, keyless=keyless)
        self.url = settings["base_url"]
        self._timeout = timeout
        self._http = httpx.Client(**settings)

    def submit_many(
        self,
        jobs: Iterable[Mapping[str, Any]],
        *,
        concurrency: int = CONCURRENCY,
        run: str | None = None,
        patience: float = PATIENCE_SECONDS,
    ) -> Generator[Submission, None, None]:
        """Submits each of `jobs`, up to `concurrency` at a time, and goes through what became of them as they come.

        Each job is a mapping with the arguments of `submit`. The same call again within 24 hours finds the jobs it
        made: each has a key of its own, `idempotency_key`, or one from the name of the `run` and its index, or one from
        its content. While the service is full, all wait as long as it says, `patience` seconds at most while none of
        them gets in. Errors are in the Submission, and raise nothing; no more of `jobs` is read than is being sent.
        """
        many = Many(run, patience)
        return pumped(self._run, map(many.call, itertools.count(), jobs), concurrency)

    def close(self) -> None:
        """Lets the connections go."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def _run(self, steps: Steps[T], sleep: Callable[[float], object] = time.sleep) -> T:
        course = Course(steps)
        for _ in self._walk(course, sleep):
            pass
        return course.result

    def _iterate(self, steps: Steps[None]) -> Generator[Any, None, None]:
        return self._walk(Course(steps), time.sleep)

    def _walk(self, course: Course[Any], sleep: Callable[[float], object]) -> Generator[Any, None, None]:
        with contextlib.closing(_Hands(self._http, self._timeout, sleep)) as hands:
            while (step := course.step) is not None:
                if isinstance(step, Emit):
                    yield step.item
                    course.go_on(None)
                    continue
                try:
                    came = hands.do(step)
                except (httpx.TransportError, OSError) as problem:
                    course.break_off(problem)
                else:
                    course.go_on(came)


class _Hands:
    """Carries out the steps of one call."""

    def __init__(self, http: httpx.Client, timeout: float, sleep: Callable[[float], object]) -> None:
        self._http = http
        self._timeout = timeout
        self._sleep = sleep
        self._stream: httpx.Response | None = None
        self._lines: Iterator[str] = iter(())

    def do(self, step: Step) -> Any:
        """What comes of a step. Raises httpx.TransportError and OSError."""
        match step:
            case Send(asked):
                return self._send(asked)
            case Open(asked):
                return self._open(asked)
            case NextLine():
                return next(self._lines, None)
            case Pause(seconds):
                return self._sleep(seconds)
            case Work(function):
                return function()

    def close(self) -> None:
        """Lets go what was opened."""
        if self._stream is not None:
            self._stream.close()

    def _send(self, asked: Request) -> httpx.Response:
        if not asked.elsewhere:
            return self._http.send(self._built(asked))
        options = timed(asked, self._timeout)
        return httpx.request(asked.method, asked.path, trust_env=trusts_env(asked.path), **options)

    def _open(self, asked: Request) -> httpx.Response:
        self.close()
        self._stream = answer = self._http.send(self._built(asked), stream=True)
        if answer.is_success:
            self._lines = answer.iter_lines()
        else:
            answer.read()
        return answer

    def _built(self, asked: Request) -> httpx.Request:
        options = timed(asked, self._timeout)
        if isinstance(pieces := options.get("content"), Pieces):
            options["content"] = map(pieces.encode, cast(Iterable[Any], pieces.items))
        return self._http.build_request(asked.method, asked.path, **options)
