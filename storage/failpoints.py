"""Named places where a test makes the process die, stop or fail. Without INPAINTD_FAILPOINT they do nothing.

The variable reads `name:action` or `name:action:n`, which acts at the n-th time the place is reached.
Actions: `kill` (SIGKILL), `stop` (SIGSTOP), `exit` (at once, status 70), `raise` (DatabaseUnavailable).
"""

from __future__ import annotations

import itertools
import os
import signal
import threading
from collections.abc import Callable
from typing import NoReturn

from storage.errors import DatabaseUnavailable, SettingsError
from storage.settings import read_failpoint

EXIT_STATUS = 70


def _nothing(_name: str) -> None:
    """What every place costs outside tests."""


def _raise() -> NoReturn:
    raise DatabaseUnavailable("a failpoint says that the database is away")


ACTIONS: dict[str, Callable[[], object]] = {
    "kill": lambda: os.kill(os.getpid(), signal.SIGKILL),
    # To this very thread: one sent to the process is taken by the main thread, while this one may run on for a while.
    "stop": lambda: signal.pthread_kill(threading.get_ident(), signal.SIGSTOP),
    "exit": lambda: os._exit(EXIT_STATUS),
    "raise": _raise,
}


def make_reach(setting: str) -> Callable[[str], None]:
    """The function that is called at every place, for a value of the variable. Raises SettingsError."""
    if not setting:
        return _nothing
    armed, _, rest = setting.partition(":")
    action, _, count = rest.partition(":")
    if action not in ACTIONS or not (count or "1").isdigit():
        raise SettingsError(f"INPAINTD_FAILPOINT={setting!r} must read name:action[:n], action one of {set(ACTIONS)}.")
    times = itertools.count(1)

    def reach(name: str) -> None:
        if name == armed and next(times) == int(count or "1"):
            ACTIONS[action]()

    return reach


reach = make_reach(read_failpoint())
"""Says that the place `name` was reached."""
