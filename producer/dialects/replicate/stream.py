"""A prediction that is streamed: logs, output, error, done. The client knows no other event."""

from __future__ import annotations

import json

from fastapi.concurrency import run_in_threadpool

from producer.dialects.replicate.output import output_urls
from producer.dialects.replicate.prediction import progress_line, status_of
from producer.dialects.trouble import trouble_of
from producer.services import Services
from storage.job import Job, JobEvent
from storage.live import Live


class PredictionWording:
    """The words of one stream. Every message has an id: without one the client passes over it."""

    opening = ""

    def __init__(self, services: Services, base: str) -> None:
        self._services = services
        self._base = base

    def event(self, event: JobEvent) -> str:
        """Something that happened, as a line of the log."""
        return _message("logs", event.id, event.type)

    def progress(self, job_id: str, live: Live) -> str:  # noqa: ARG002
        """How far it is, as a line of the log."""
        return _message("logs", f"{live.attempt}-{live.step}", progress_line(live.step, live.steps))

    def is_over(self, job: Job) -> bool:  # noqa: ARG002
        """Never: a person's decision is waited for."""
        return False

    async def end(self, job: Job) -> list[str]:
        """Addresses of the images or the error, and that it is done."""
        urls = await run_in_threadpool(output_urls, self._services, job, self._base)
        said = [_message("output", f"output-{index}", url) for index, url in enumerate(urls)]
        status, trouble = status_of(job), trouble_of(job)
        if status == "failed" and trouble is not None:
            said.append(_message("error", "error", trouble.message))
        reason = {} if status == "succeeded" else {"reason": "error" if status == "failed" else "canceled"}
        return [*said, _message("done", "done", json.dumps(reason))]


def _message(event: str, name: str, data: str) -> str:
    lines = "".join(f"data: {line}\n" for line in data.splitlines() or [""])
    return f"event: {event}\nid: {name}\n{lines}\n"
