"""YAML with line numbers, so that a complaint about a file can point into it."""

from collections.abc import Sequence
from typing import Any

import yaml

Place = tuple[int | str, ...]

# The same parser in C, where the installed yaml has it: ten times as fast.
_LOADER: type[yaml.SafeLoader] | type[yaml.CSafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def parse(data: bytes) -> tuple[yaml.Node, Any]:
    """The node tree of the one document in `data`, for lines, and its content.

    Raises yaml.MarkedYAMLError, with the line where there is one, on bad syntax, an empty file, and a repeated key.
    """
    root = yaml.compose(data, Loader=_LOADER)
    if root is None:
        raise yaml.MarkedYAMLError(problem="the file is empty")
    _refuse_repeated_keys(root)
    return root, yaml.constructor.SafeConstructor().construct_document(root)


def _refuse_repeated_keys(node: yaml.Node) -> None:
    seen: set[str] = set()
    for key, value in node.value if isinstance(node, yaml.MappingNode) else ():
        name = str(key.value)
        if name in seen:
            raise yaml.MarkedYAMLError(problem=f"`{name}` occurs twice", problem_mark=key.start_mark)
        seen.add(name)
        _refuse_repeated_keys(value)
    for item in node.value if isinstance(node, yaml.SequenceNode) else ():
        _refuse_repeated_keys(item)


def line_of(root: yaml.Node, place: Sequence[int | str]) -> int:
    """The line (1-based) of what lies at `place`, or of the nearest thing around it that the file has."""
    node, mark = root, root.start_mark
    for step in place:
        child = _child(node, step)
        if child is None:
            break
        node, mark = child
    return int(mark.line) + 1


def _child(node: yaml.Node, step: int | str) -> tuple[yaml.Node, yaml.Mark] | None:
    if isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
        return node.value[step], node.value[step].start_mark
    if isinstance(node, yaml.MappingNode):
        return next(((value, key.start_mark) for key, value in node.value if key.value == str(step)), None)
    return None
