"""Calls about jobs. What they do, and how their results look, holds for Client and AsyncClient alike."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, cast
from urllib.parse import quote
from uuid import uuid4

from producer.client.answers import ask, fetch
from producer.client.errors import NotAtRest
from producer.client.pictures import Picture, source
from producer.client.retries import Gate
from producer.client.steps import Emit, Pause, Steps, Work, request
from producer.client.types import CaseView, DryRun, JobPage, JobView, at_rest

LONG_POLL_SECONDS = 30.0


def submit(
    image: Picture,
    mask: Picture | None = None,
    prompt: str = "",
    *,
    idempotency_key: str | None = None,
    **params: Any,
) -> Steps[JobView]:
    """Sends a job and returns it as accepted. White in `mask` is repainted.

    `params` are the request's fields of API.md; those not given take the service's defaults. Without `mask`,
    the transparent pixels of `image` are repainted. However often it is sent until an answer comes, it is one
    job; with an `idempotency_key` of your own also across calls, for 24 hours.
    Raises ServiceRefused, ServiceUnreachable, OSError.
    """
    body = yield Work(lambda: request_body({"image": image, "mask": mask, "prompt": prompt, **params}))
    job, _ = yield from send_job(body, idempotency_key or str(uuid4()))
    return job


def dry_run(image: Picture, mask: Picture | None = None, prompt: str = "", **params: Any) -> Steps[DryRun]:
    """What `submit` would do, with nothing stored: the job as it would stand, and a `plan` of its cost and its start.

    Raises ServiceRefused wherever a submit would, and for what else the job would fail of.
    """
    body = yield Work(lambda: request_body({"image": image, "mask": mask, "prompt": prompt, **params}))
    query = {"dry_run": True}
    return (yield from fetch(DryRun, "POST", "/v1/jobs", repeatable=True, params=query, json=body))


def get(job_id: str, wait: int = 0) -> Steps[JobView]:
    """The job as it stands after `wait` seconds (0 to 60), or as soon as it has come to rest."""
    return (yield from fetch(JobView, "GET", path_of(job_id), slack=wait, params={"wait": wait}))


def watch(job_id: str, timeout: float | None = None, every: float = LONG_POLL_SECONDS) -> Steps[None]:
    """The job about `every` so many seconds, and at once when it has come to rest, which ends the iteration.

    Raises NotAtRest after `timeout` seconds; None waits for ever.
    """
    patience = _Patience(timeout, every)
    while True:
        job = yield from get(job_id, wait=int(patience.pause()))
        yield Emit(job)
        if at_rest(job):
            return
        yield from patience.wait_after(job)


def wait(job_id: str, timeout: float | None = None) -> Steps[JobView]:
    """The job once it has ended or is held for a person. Raises NotAtRest after `timeout` seconds."""
    patience = _Patience(timeout, LONG_POLL_SECONDS)
    while not at_rest(job := (yield from get(job_id, wait=int(patience.pause())))):
        yield from patience.wait_after(job)
    return job


def cancel(job_id: str) -> Steps[JobView]:
    """Cancels a waiting job at once and asks a running one to stop. An ended job stays as it is."""
    return (yield from fetch(JobView, "POST", f"{path_of(job_id)}/cancel", repeatable=True))


def delete(job_id: str) -> Steps[JobView]:
    """Erases the job's pictures, prompts and metadata; the bare record stays for audit. A job that has not ended is
    canceled first, and its content goes when it has stopped.
    """
    return (yield from fetch(JobView, "DELETE", path_of(job_id), repeatable=True))


def appeal(job_id: str, text: str) -> Steps[CaseView]:
    """Asks for another person's look at a job that was refused, or whose result was taken back. `text` says why."""
    return (yield from fetch(CaseView, "POST", f"{path_of(job_id)}/appeal", json={"text": text}))


def list_(**filters: str | int) -> Steps[JobPage]:
    """A page of jobs, newest first. Filters: status, batch, user, created_after, created_before, limit, cursor."""
    return (yield from fetch(JobPage, "GET", "/v1/jobs", params=filters))


def download(job: JobView | str, index: int = 0) -> Steps[bytes]:
    """The encoded image `index` of a succeeded job, which is given by itself or by its id."""
    job_id = job if isinstance(job, str) else job["id"]
    return (yield from ask(request("GET", f"{path_of(job_id)}/images/{index}"))).content


def send_job(body: dict[str, Any], key: str, gate: Gate | None = None) -> Steps[tuple[JobView, bool]]:
    """The job that `body` makes under an idempotency key, and whether an earlier request under it had made it."""
    headers = {"Idempotency-Key": key}
    answer = yield from ask(request("POST", "/v1/jobs", repeatable=True, json=body, headers=headers), gate)
    return cast(JobView, answer.json()), answer.headers.get("Idempotent-Replayed") == "true"


def request_body(job: Mapping[str, Any]) -> dict[str, Any]:
    """The JSON of a request, with pictures as text; a mask of None is left out. Raises OSError."""
    pictures = {name: source(job[name]) for name in ("image", "mask") if job.get(name) is not None}
    return {name: value for name, value in job.items() if name not in ("image", "mask")} | pictures


def path_of(job_id: str) -> str:
    """The job's address, whatever its id looks like."""
    return f"/v1/jobs/{quote(job_id, safe='')}"


class _Patience:
    """How long to wait for a job altogether, and from one look at it to the next."""

    def __init__(self, timeout: float | None, every: float) -> None:
        self._timeout = timeout
        self._every = every
        self._end = time.monotonic() + (float("inf") if timeout is None else timeout)

    def pause(self) -> float:
        """Seconds to the next look."""
        return max(0.0, min(self._every, self._end - time.monotonic()))

    def wait_after(self, job: JobView) -> Steps[None]:
        """Between two looks. Raises NotAtRest when time is over."""
        if time.monotonic() >= self._end:
            message = f"{job['id']} is still {job['status']} after {self._timeout} s; it goes on: wait again later."
            raise NotAtRest(message)
        if (pause := self.pause()) < 1:  # the service waits in whole seconds only
            yield Pause(pause)
