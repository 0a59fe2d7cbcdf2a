"""The response that streams one job's events until the job has ended."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import structlog
from starlette.responses import StreamingResponse
from starlette.types import Message, Receive, Scope, Send

from producer.api.limits import let_go
from producer.api.streams import Streams
from producer.api.wording import NATIVE, Wording
from producer.live import Watch
from producer.telling import Telling
from storage.errors import DatabaseUnavailable, JobNotFound
from storage.job import JobState
from storage.job_reader import Story
from storage.live import Live

log = structlog.get_logger(__name__)

# Whatever is said or not, a stream looks for itself this often.
LOOK_SECONDS = 15.0
HEARTBEAT_SECONDS = 15.0
# A key may have been revoked meanwhile; whoever connects again is asked for it.
LONGEST_SECONDS = 3600.0
# A caller who takes nothing for so long while something is there for it is let go.
STUCK_SECONDS = 60.0
HEARTBEAT = ": still here\n\n"
MEDIA_TYPE = "text/event-stream"
HEADERS = {
    "Cache-Control": "no-store",
    "X-Accel-Buffering": "no",  # nginx would otherwise gather the messages
    "X-Content-Type-Options": "nosniff",
}


class EventStream(StreamingResponse):
    """Holds its place among the streams exactly as long as it is being sent, however that ends.

    A slow caller costs no memory: the next message is made when the last one has been taken, and of progress only the
    newest is kept.
    """

    def __init__(self, streams: Streams, first: Story, telling: Telling, wording: Wording = NATIVE) -> None:
        """`telling` knows `first`'s history; whatever of it is news is sent first, as `wording` says it."""
        super().__init__(self._chunks(), headers=HEADERS, media_type=MEDIA_TYPE)
        self._streams = streams
        self._job = first.job
        self._first: Story | None = first
        self._telling = telling
        self._wording = wording
        self._ended = False
        self._watch = Watch()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Sends until the job or the stream has ended or the caller has gone. Raises StreamsFull and LimitReached."""

        async def send_in_time(message: Message) -> None:
            async with asyncio.timeout(STUCK_SECONDS):
                await send(message)

        let_go(scope)
        with self._streams.opened(self._job) as self._watch, contextlib.suppress(TimeoutError):
            await super().__call__(scope, receive, send_in_time)

    async def _chunks(self) -> AsyncIterator[str]:
        now = asyncio.get_running_loop().time
        end, look_at, beat_at = now() + LONGEST_SECONDS, now(), now() + HEARTBEAT_SECONDS
        if self._wording.opening:
            yield self._wording.opening
        while True:
            news, look = self._watch.take()
            if look or now() >= look_at or (news and self._telling.is_early(news)):
                look_at = now() + LOOK_SECONDS
                chunks = await self._look()
            else:
                chunks = []
            chunks += self._progress(news)
            for chunk in chunks or ([HEARTBEAT] if now() >= beat_at else []):
                beat_at = now() + HEARTBEAT_SECONDS
                yield chunk
            if self._ended or self._streams.ending or now() >= end:
                return
            await self._watch.wait(min(look_at, beat_at) - now())

    async def _look(self) -> list[str]:
        try:
            story = self._first or await self._streams.look(self._job.id, self._job.tenant_id)
        except (DatabaseUnavailable, JobNotFound) as problem:
            log.warning("stream_saw_nothing", job_id=self._job.id, error=str(problem))
            return []
        self._first = None
        self._watch.saw(story.job)
        said = [self._wording.event(event) for event in self._telling.events(story.history)]
        chunks = [chunk for chunk in said if chunk] + self._progress(_live(story))
        self._ended = self._telling.ended or self._wording.is_over(story.job)
        return chunks + await self._wording.end(story.job) if self._ended else chunks

    def _progress(self, live: Live | None) -> list[str]:
        if live is None or not self._telling.progress(live):
            return []
        said = self._wording.progress(self._job.id, live)
        return [said] if said else []


def _live(story: Story) -> Live | None:
    """Its progress as of the last beat; None unless it runs."""
    job = story.job
    return Live(job.attempt, job.step, job.steps) if job.state is JobState.RUNNING else None
