"""A memory that is short and bounded."""

from __future__ import annotations

import pytest

from storage import recent
from storage.recent import Recent


def test_what_is_too_old_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(recent.time, "monotonic", lambda: now[0])
    memory: Recent[str, int] = Recent(10, seconds=2)
    assert memory.put("a", 1) == 1
    now[0] = 101.9
    assert memory.get("a") == 1
    now[0] = 102.0
    assert memory.get("a") is None


def test_what_was_used_longest_ago_makes_room() -> None:
    memory: Recent[str, int] = Recent(2)
    memory.put("a", 1)
    memory.put("b", 2)
    assert memory.get("a") == 1
    memory.put("c", 3)
    assert [memory.get(key) for key in "abc"] == [1, None, 3]
    memory.clear()
    assert memory.get("a") is None
