"""Live news of running jobs on Redis pub/sub: the names of channels and the form of messages. Lossy by design.

Each job has a channel of its own, so an API process hears only of jobs that somebody watches there, and news of a job
that nobody watches goes no further than Redis. Nothing may depend on a message: what counts stands in SQL.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace

_PREFIX = "inpaintd.live."


@dataclass(frozen=True, slots=True)
class Live:
    """How far a job is: `step` of `steps` in its `attempt`. `preview`: a small picture as a data: URI, or None."""

    attempt: int
    step: int
    steps: int
    preview: str | None = None

    def over(self, older: Live | None) -> Live:
        """This news in the place of `older`, which nobody has seen yet: a preview in it is not lost."""
        if older is None or self.preview is not None or older.attempt != self.attempt:
            return self
        return replace(self, preview=older.preview)


def channel_of(job_id: str) -> str:
    """The channel of a job's live news."""
    return _PREFIX + job_id


def job_of_channel(channel: str) -> str:
    """The job whose channel this is."""
    return channel.removeprefix(_PREFIX)


def to_message(news: Live | None) -> bytes:
    """The bytes of a message; None says that the job's state changed, so that SQL is worth a look."""
    if news is None:
        return b"{}"
    values = {"attempt": news.attempt, "step": news.step, "steps": news.steps}
    return json.dumps(values if news.preview is None else {**values, "preview": news.preview}).encode()


def from_message(message: bytes) -> Live | None:
    """What a message says. One of another form, as another version may send, is taken as a hint to look into SQL."""
    try:
        values = json.loads(message)
        preview = values.get("preview")
        news = Live(int(values["attempt"]), int(values["step"]), int(values["steps"]), preview)
    except (ValueError, TypeError, KeyError, AttributeError):
        return None
    return news if preview is None or isinstance(preview, str) else None
