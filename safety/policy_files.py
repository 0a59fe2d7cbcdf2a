"""The files a policy is made of: the policy itself and the word lists that it names."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from safety.errors import PolicyError
from safety.yaml_lines import line_of, parse

PACKAGED = Path(__file__).with_name("policy.yaml")
_LISTS = "lexicons"


@dataclass(frozen=True, slots=True)
class PolicyFiles:
    """What the files say as one content, where each thing stands, and the SHA-256 of all their bytes in hex."""

    content: Any
    sha256: str
    policy: tuple[Path, yaml.Node]
    lists: tuple[Path, yaml.Node] | None

    def broken(self, place: Sequence[int | str], problem: str) -> PolicyError:
        """The error that points at `place`, in the file where it stands."""
        return _broken(*self._find(place), problem)

    def where(self, place: Sequence[int | str]) -> str:
        """The file and the line of `place`, to be read by a person."""
        path, line = self._find(place)
        return f"{path}, line {line}"

    def _find(self, place: Sequence[int | str]) -> tuple[Path, int]:
        if self.lists is not None and place[:1] == (_LISTS,) and len(place) > 1:
            path, root = self.lists
            return path, line_of(root, place[1:])
        path, root = self.policy
        return path, line_of(root, place)


def read_policy(path: Path) -> PolicyFiles:
    """The policy in `path` with its word lists, unchecked. Raises PolicyError, with the line, for what is not YAML.

    Word lists in a file of their own are looked for beside the policy, then among the packaged ones.
    """
    data, root, content = _read(path)
    name = content.get(_LISTS) if isinstance(content, dict) else None
    if not isinstance(name, str):
        return PolicyFiles(content, hashlib.sha256(data).hexdigest(), (path, root), None)
    beside = path.with_name(Path(name).name)
    lists_path = beside if beside.exists() else PACKAGED.with_name(Path(name).name)
    lists_data, lists_root, lists = _read(lists_path)
    sha256 = hashlib.sha256(data + lists_data).hexdigest()
    return PolicyFiles(content | {_LISTS: lists}, sha256, (path, root), (lists_path, lists_root))


def _read(path: Path) -> tuple[bytes, yaml.Node, Any]:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise PolicyError(f"Cannot read the policy {path}: {error.strerror}. Set INPAINTD_POLICY.") from error
    try:
        return data, *parse(data)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else None
        raise _broken(path, line, error.problem or "not YAML") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise _broken(path, None, f"not YAML text ({error})") from error


def _broken(path: Path, line: int | None, problem: str) -> PolicyError:
    where = f"{path}, line {line}" if line else str(path)
    return PolicyError(f"The policy is broken: {where}: {problem}", line)
