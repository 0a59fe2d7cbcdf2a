"""Which models a worker process asks for work."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from worker.process import WorkerProcess
from worker.settings import WorkerSettings


class Leases:
    """Remembers in which order models were asked."""

    lease_seconds = 45.0

    def __init__(self) -> None:
        self.asked: list[list[str]] = []

    def claim(self, owner: str, *, models: Any, limit: int, alone: bool) -> list[Any]:
        self.asked.append(list(models))
        return []


def test_every_model_is_asked_first_in_turn() -> None:
    leases = Leases()
    tools: Any = SimpleNamespace(leases=leases, models={"default": None, "photo": None, "xl": None})
    process = WorkerProcess(tools, WorkerSettings())
    for _ in range(3):
        process._claim(1, False)
    assert {asked[0] for asked in leases.asked} == {"default", "photo", "xl"}
    assert all(sorted(asked) == ["default", "photo", "xl"] for asked in leases.asked)
