"""What an installation of the product consists of, and under which licences.

    python -m bench.licences

Walks from the product's own requirements, extras `api` and `worker` included, as pip would, through the metadata of
what is installed. Exits 1 for a part whose licence asks whoever distributes the product for the product's source.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from importlib.metadata import Distribution, PackageNotFoundError, distribution

from packaging.requirements import Requirement

PRODUCT, EXTRAS = "inpaintd", ("api", "worker")
ASKS_FOR_SOURCE = re.compile(r"(?<!L)\bA?GPL|(?<!Lesser )General Public License|SSPL|BUSL", re.I)


def parts() -> list[Distribution]:
    """Every distribution that the product needs on this machine, by name."""
    found: dict[str, Distribution] = {}
    waiting = [*_needs(distribution(PRODUCT), EXTRAS)]
    while waiting:
        need = waiting.pop()
        name = re.sub(r"[-_.]+", "-", need.name).lower()
        if name in found:
            continue
        try:
            found[name] = distribution(name)
        except PackageNotFoundError:
            continue  # asked for on another system or Python only
        waiting += _needs(found[name], need.extras)
    return [found[name] for name in sorted(found)]


def licence_of(part: Distribution) -> str:
    """What its metadata says: the expression, else the classifiers, else the first line of the text."""
    metadata = part.metadata
    if expression := metadata.get("License-Expression"):
        return str(expression)
    named = [line.rpartition(" :: ")[2] for line in metadata.get_all("Classifier") or () if line.startswith("License")]
    return " AND ".join(named) or (metadata.get("License") or "not stated").strip().splitlines()[0]


def _needs(part: Distribution, extras: tuple[str, ...] | set[str]) -> Iterator[Requirement]:
    for text in part.requires or ():
        need = Requirement(text)
        if need.marker is None or any(need.marker.evaluate({"extra": extra}) for extra in ("", *extras)):
            yield need


def main() -> int:
    """The program."""
    asking = 0
    for part in parts():
        licence = licence_of(part)
        asks = ASKS_FOR_SOURCE.search(licence) is not None
        asking += asks
        print(f"{part.metadata['Name']:<28} {part.version:<14} {licence}{'   ASKS FOR SOURCE' if asks else ''}")
    return 1 if asking else 0


if __name__ == "__main__":
    sys.exit(main())
