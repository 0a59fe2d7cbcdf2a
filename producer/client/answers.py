"""From answers of the service to results or errors of the client."""

from __future__ import annotations

from typing import Any, TypeVar, cast

import httpx

from producer.client.errors import ServiceRefused, ServiceUnreachable
from producer.client.retries import Gate, patiently
from producer.client.steps import Open, Request, Send, Steps, request

T = TypeVar("T")


def ask(asked: Request, gate: Gate | None = None) -> Steps[httpx.Response]:
    """The answer to a request, which was a success. Raises ServiceRefused and ServiceUnreachable."""
    return (yield from _checked(Send(asked), gate))


def open_stream(asked: Request) -> Steps[httpx.Response]:
    """The same for an answer whose lines are read as they come."""
    return (yield from _checked(Open(asked), None))


def fetch(_kind: type[T], method: str, path: str, **options: Any) -> Steps[T]:
    """The JSON of the answer, which is taken for a `_kind`."""
    answer = yield from ask(request(method, path, **options))
    return cast(T, answer.json())


def _checked(step: Send | Open, gate: Gate | None) -> Steps[httpx.Response]:
    try:
        answer = yield from patiently(step, gate)
    except httpx.TransportError as problem:
        raise _unreachable(problem) from problem
    if not answer.is_success:
        raise _refusal(answer)
    return answer


def _unreachable(problem: httpx.TransportError) -> ServiceUnreachable:
    where = _place(problem.request)
    if isinstance(problem, httpx.TimeoutException):
        return ServiceUnreachable(f"{where} did not answer in time; see whether the service is well.")
    return ServiceUnreachable(f"No service answers at {where} ({problem}); start it or correct INPAINTD_URL.")


def _refusal(answer: httpx.Response) -> ServiceRefused:
    try:
        problem = answer.json()
        return ServiceRefused(answer.status_code, problem["code"], problem["detail"], problem.get("errors", ()))
    except (ValueError, KeyError, TypeError):
        said = f"{answer.status_code} {answer.reason_phrase}"
        detail = f"{_place(answer.request)} answered {said} and no reason; is it an inpaintd service?"
        return ServiceRefused(answer.status_code, f"http_{answer.status_code}", detail)


def _place(sent: httpx.Request) -> str:
    return str(sent.url.copy_with(path="/", query=None)).rstrip("/")
