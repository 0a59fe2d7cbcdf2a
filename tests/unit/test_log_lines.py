"""Log lines can be searched: each event has one fixed name, and what differs is a field."""

from __future__ import annotations

import ast
import json
import logging
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from storage.logs import configure_logging
from tests.unit.test_house import SOURCES

LEVELS = {"debug", "info", "warning", "error", "exception", "critical"}


def log_calls(path: Path) -> Iterator[ast.Call]:
    """Every `log.<level>(...)` of a file."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in LEVELS:
            called = node.func.value
            if isinstance(called, ast.Name) and called.id == "log":
                yield node


def test_every_event_has_a_fixed_name() -> None:
    calls = [(path, call) for path in SOURCES for call in log_calls(path)]
    assert len(calls) > 50
    for path, call in calls:
        name = call.args[0]
        where = f"{path}:{call.lineno}"
        assert isinstance(name, ast.Constant), where
        assert re.fullmatch(r"[a-z][a-z0-9_]+", str(name.value)), where
        assert len(call.args) == 1, where


@pytest.fixture
def restored() -> Iterator[None]:
    """Logging is afterwards as it was before."""
    root = logging.getLogger()
    handlers, level, configured = list(root.handlers), root.level, structlog.get_config()
    yield
    root.handlers[:], root.level = handlers, level
    structlog.configure(**configured)


@pytest.mark.usefixtures("restored")
def test_a_line_is_json_or_text_and_carries_the_job_that_its_thread_works_on(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with structlog.contextvars.bound_contextvars(job_id="job_1"):
        configure_logging(json=True)
        structlog.get_logger("a").warning("object_store_retry", again_in=0.5)
        logging.getLogger("somebody.else").warning("in %s words", "other")
        configure_logging(json=False)
        structlog.get_logger("b").warning("object_store_retry", again_in=0.5)
    first, second, third = capsys.readouterr().err.splitlines()
    told = json.loads(first)
    assert (told["event"], told["job_id"], told["again_in"]) == ("object_store_retry", "job_1", 0.5)
    assert told["level"] == "warning"
    assert json.loads(second)["event"] == "in other words"
    assert json.loads(second)["job_id"] == "job_1"
    assert "object_store_retry" in third
    assert "job_id=job_1" in third
