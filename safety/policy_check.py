"""Whether a policy is sound: read, checked against its schema, and every example of every rule run."""

from dataclasses import dataclass
from pathlib import Path

from safety.policy import load_document
from safety.policy_examples import run_examples
from safety.policy_files import read_policy


@dataclass(frozen=True, slots=True)
class Checked:
    """A policy whose schema is sound. `problems` are the examples that do not come out, each with file and line."""

    label: str
    sha256: str
    examples: int
    problems: tuple[str, ...]


def check_policy(path: Path) -> Checked:
    """Checks the policy in `path`. Raises PolicyError, with the line, when it cannot be used at all."""
    files = read_policy(path)
    document, sha256 = load_document(path)
    ran = list(run_examples(document))
    problems = tuple(f"{files.where(place)}: {problem}" for place, problem in ran if problem is not None)
    return Checked(f"{document.name}@{document.version}", sha256, len(ran), problems)
