"""Closes cases about jobs that need no decision any more."""

from __future__ import annotations

from producer.keeper.keeper import Duty
from storage.database import Database
from storage.review_store import ReviewStore

SECONDS = 15.0


def closing_cases(database: Database) -> Duty:
    """The duty of closing cases whose held jobs were canceled or expired meanwhile."""
    store = ReviewStore(database)
    return Duty("cases", SECONDS, store.close_idle)
