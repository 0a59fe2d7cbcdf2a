"""Celery's entry point: `celery -A worker.app worker --pool threads`. Importing it reads the environment.

`python -P -m worker.app worker ...` is the same for the fleet: the current folder cannot pose as one of our packages,
and the process ends with the one that started it, so that a fleet that was killed leaves no second worker on a GPU.
"""

from __future__ import annotations

import sys

from safety.settings import SafetySettings
from storage.settings import StorageSettings, secret_text
from worker.settings import WorkerSettings
from worker.station import build, run
from worker.tools import Tools


def _open(storage: StorageSettings, worker: WorkerSettings) -> Tools:
    # Not above: it brings torch and all, which load faster where the station loads the rest.
    from worker.opening import open_tools

    return open_tools(storage, SafetySettings.from_env(secret_text), worker)


app = build(_open)

if __name__ == "__main__":
    run(app, sys.argv[1:])
