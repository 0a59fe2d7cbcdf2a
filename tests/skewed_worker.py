"""A null worker on a machine whose clock is wrong: python -m tests.skewed_worker <seconds> [options].

The options are those of tests.null_worker. The time of day is shifted wherever Python code of ours, of Celery's or of
the S3 client asks for it. Only C code keeps the right time; there is none here that decides anything.
"""

from __future__ import annotations

import datetime as dt
import sys
import time
from typing import Any

SHIFTED = ("storage", "safety", "worker", "tests", "botocore", "celery", "kombu")


class _Kind(type):
    """Every datetime counts as one of the shifted class."""

    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, dt.datetime)


class ShiftedDatetime(dt.datetime, metaclass=_Kind):
    """A datetime whose `now` is wrong; what it makes are ordinary ones."""

    skew = dt.timedelta(0)

    def __new__(cls, *args: Any, **kw: Any) -> Any:
        return dt.datetime(*args, **kw)  # noqa: DTZ001

    @classmethod
    def now(cls, tz: dt.tzinfo | None = None) -> Any:
        return dt.datetime.now(tz) + cls.skew

    @classmethod
    def utcnow(cls) -> Any:
        return cls.now(dt.UTC).replace(tzinfo=None)


class ShiftedModule:
    """The module `datetime` with the shifted class."""

    datetime = ShiftedDatetime

    def __getattr__(self, name: str) -> Any:
        return getattr(dt, name)


def shift_time(seconds: float) -> None:
    """Before anybody imports a function of `time` by its name."""
    right, right_ns = time.time, time.time_ns
    time.time = lambda: right() + seconds
    time.time_ns = lambda: right_ns() + int(seconds * 1e9)
    ShiftedDatetime.skew = dt.timedelta(seconds=seconds)


def shift_datetime() -> None:
    """In modules that are imported already, so that C code may hold on to the real class."""
    instead: dict[int, Any] = {id(dt): ShiftedModule(), id(dt.datetime): ShiftedDatetime}
    for name, module in list(sys.modules.items()):
        if name.partition(".")[0] in SHIFTED and name != __name__:
            for key, value in list(vars(module).items()):
                if id(value) in instead:
                    setattr(module, key, instead[id(value)])


if __name__ == "__main__":
    shift_time(float(sys.argv.pop(1)))
    from tests import null_worker

    shift_datetime()
    null_worker.main()
