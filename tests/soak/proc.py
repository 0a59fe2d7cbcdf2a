"""What a program holds, read from Linux's /proc: memory and open files, of its process and of all below it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Usage:
    """`memory` in bytes: the resident set of a lone process; of several the sum of their proportional sets, in which
    a page that they share counts once. `files` are open descriptors, sockets included."""

    memory: int
    files: int


def usage(pid: int) -> Usage | None:
    """What `pid` and its descendants hold now; None when it has ended. Raises PermissionError for another user's."""
    try:
        tree = list(_tree(pid))
        sizes = [_sizes(one) for one in tree]
        files = sum(len(list(Path(f"/proc/{one}/fd").iterdir())) for one in tree)
    except (FileNotFoundError, ProcessLookupError):
        return None
    if not sizes[0]:
        return None  # a zombie has no memory any more
    return Usage(sizes[0]["Rss"] if len(sizes) == 1 else sum(size.get("Pss", 0) for size in sizes), files)


def _tree(pid: int) -> Iterator[int]:
    yield pid
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            yield from _tree(int(child))


def _sizes(pid: int) -> dict[str, int]:
    """Bytes by name; see proc_pid_smaps(5)."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]
    return {name: int(value.split()[0]) * 1024 for name, _, value in (line.partition(":") for line in lines)}
