"""Promise 4 as the code is written: there is one place where a job succeeds, and marking lies before it."""

from __future__ import annotations

import ast
import functools
import inspect
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from storage.job_store import JobStore
from storage.review_store import ReviewStore
from tests.unit.test_house import ROOT, SOURCES
from worker import execution, marking, saving
from worker.execution import Execution


def name_of(call: ast.Call) -> str:
    return call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")


def places(node_type: type[ast.AST], names: set[str]) -> set[tuple[str, str]]:
    """Files and names where one of `names` is called (ast.Call) or merely mentioned (ast.Attribute)."""
    found = set()
    for path in SOURCES:
        for node in nodes_of(path):
            if isinstance(node, node_type):
                name = name_of(node) if isinstance(node, ast.Call) else str(getattr(node, "attr", ""))
                if name in names:
                    found.add((path_of(path), name))
    return found


@functools.cache
def nodes_of(path: Path) -> tuple[ast.AST, ...]:
    return tuple(node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call | ast.Attribute))


def path_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def called(function: Any) -> list[str]:
    """The calls of a function, in the order of its lines."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    return [name_of(call) for call in sorted(calls, key=lambda call: (call.lineno, -call.col_offset))]


def mentioned(function: Any) -> Iterator[tuple[int, str]]:
    """Attributes of a function with their lines."""
    for node in ast.walk(ast.parse(textwrap.dedent(inspect.getsource(function)))):
        if isinstance(node, ast.Attribute):
            yield node.lineno, node.attr


def test_jobs_succeed_in_one_place_of_the_worker_and_by_a_persons_word() -> None:
    assert places(ast.Attribute, {"succeed", "hold_result"}) == {
        ("worker/execution.py", "succeed"),
        ("worker/execution.py", "hold_result"),
    }
    assert places(ast.Attribute, {"SUCCEEDED"}) == {
        ("storage/job.py", "SUCCEEDED"),
        ("storage/job_store.py", "SUCCEEDED"),
        ("storage/review_store.py", "SUCCEEDED"),
        ("storage/outlook.py", "SUCCEEDED"),
        ("producer/console/try_words.py", "SUCCEEDED"),
    }
    assert places(ast.Attribute, {"is_released"}) == {
        ("producer/api/views.py", "is_released"),
        ("producer/moderation/appeals.py", "is_released"),
        ("producer/review.py", "is_released"),
    }


def test_nothing_but_marking_makes_a_marked_image_and_nothing_but_saving_a_result() -> None:
    assert places(ast.Call, {"MarkedImage"}) == {("worker/marking.py", "MarkedImage")}
    assert places(ast.Call, {"ResultImage"}) == {
        ("worker/saving.py", "ResultImage"),
        ("storage/rows.py", "ResultImage"),
    }
    assert places(ast.Call, {"mark_and_sign"}) == {("worker/execution.py", "mark_and_sign")}
    for move in (JobStore.succeed, JobStore.hold_result, ReviewStore.approve):
        assert "refuse_unmarked" in called(move)


def test_on_the_road_every_result_is_checked_then_marked_then_saved() -> None:
    lines = list(mentioned(Execution._road))
    first = {name: min(line for line, other in lines if other == name) for name in
             ("_check_input", "_inpaint", "_check_results", "_mark", "_save", "succeed")}  # fmt: skip
    assert list(first) == sorted(first, key=first.__getitem__)
    steps = called(marking.mark_and_sign)
    assert [step for step in steps if step in {"_marked_file", "sign", "_check_signed", "MarkedImage"}] == [
        "_marked_file",
        "sign",
        "_check_signed",
        "MarkedImage",
    ]
    assert "MarkedImage" in str(inspect.signature(saving.save)), "what is saved is marked"
    assert "mark_and_sign" in called(execution.Execution._mark)
