"""The one Celery task: it answers a ring. Which job is run, SQL decides."""

from __future__ import annotations

from collections.abc import Callable

from celery import Celery

from storage.broker import WORK_TASK
from storage.failpoints import reach


def register(app: Celery, answer: Callable[[], None]) -> None:
    """Adds the task to `app`; `answer()` works until nothing is due."""

    def work(**_: object) -> None:
        # The fields of the message are for whoever traces it; a newer version may send others.
        reach("after_pop")
        answer()

    app.task(name=WORK_TASK)(work)
