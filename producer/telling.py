"""What one caller has been told about a job, and what is therefore news. No clock, no network."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from storage.job import TERMINAL, JobEvent
from storage.live import Live

_RUNNING = ("job.started", "job.cancel_requested")
_ENDS = {f"job.{state}" for state in TERMINAL}


class Telling:
    """Events once each and in order; progress only forwards, and only while the caller knows that the job runs."""

    def __init__(self, last_event_id: str | None, history: Sequence[JobEvent]) -> None:
        """Goes on after the event `last_event_id`; from the start where the history has no such event."""
        ids = [event.id for event in history]
        known = ids.index(last_event_id) + 1 if last_event_id in ids else 0
        self._told: set[str] = set()
        self._attempt = 0
        self._furthest = (0, 0)
        self._runs = self.ended = False
        """`ended`: true once the caller was told of the job's end; nothing comes after it."""
        self._tell(history[:known])

    def events(self, history: Iterable[JobEvent]) -> list[JobEvent]:
        """Those of the whole `history`, oldest first, that the caller has not been told; they count as told now.

        Ids are not compared: they are made by many machines, and one whose clock is late would hide its events.
        """
        news = [event for event in history if event.id not in self._told]
        self._tell(news)
        return news

    def is_early(self, live: Live) -> bool:
        """True if it is news of a run that the caller does not know of yet, so that its event has to come first."""
        return live.attempt > self._attempt

    def progress(self, live: Live) -> bool:
        """True if it is news, which then counts as told."""
        place = (live.attempt, live.step)
        if not self._runs or live.attempt != self._attempt or place < self._furthest:
            return False
        if place == self._furthest and live.preview is None:
            return False
        self._furthest = place
        return True

    def _tell(self, events: Iterable[JobEvent]) -> None:
        for event in events:
            self._told.add(event.id)
            self._attempt = max(self._attempt, event.attempt)
            self._runs = event.type in _RUNNING
            self.ended = self.ended or event.type in _ENDS
