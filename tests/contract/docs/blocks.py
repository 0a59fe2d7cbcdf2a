"""The code blocks of the documentation, and how each is run."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[3]
PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
# A page whose blocks need a deployment of their own, and the test that runs them.
ELSEWHERE = {
    "docs/backup.md": "tests/integration/test_backup.py",
    "docs/deploy.md": "tests/contract/deploy/test_page.py",
    "docs/migrating.md": "tests/e2e/test_migrating.py",
}
_BLOCK = re.compile(r"(?:^<!-- not run: (?P<reason>[^\n]+) -->\n+)?^```(?P<kind>\w*)\n(?P<text>.*?)^```$", re.M | re.S)
# Pages tell of a service at the default address, and of ids that differ each time.
_ADDRESS = "http://127.0.0.1:8000"
_UNTIL_STOPPED = "until Ctrl-C"


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block. `reason` says why it is not run."""

    page: str
    line: int
    kind: str
    text: str
    reason: str | None

    def commands(self, url: str, job_id: str, batch_id: str) -> str:
        """What a reader would type, at the service at `url`, about this job and this batch."""
        typed = [_typed(line) for line in self.text.replace("\\\n", "\\\n$+").splitlines()]
        script = "\n".join(line for line in typed if line is not None and _UNTIL_STOPPED not in line)
        return script.replace(_ADDRESS, url).replace("job_...", job_id).replace("batch_...", batch_id)

    def files(self) -> dict[str, str]:
        """Files that the block shows with `$ cat NAME`, which are to be there before."""
        shown = re.finditer(r"^\$ cat (\S+)\n((?:(?!\$ ).*\n)*)", self.text, re.M)
        return {found[1]: found[2] for found in shown}


def _typed(line: str) -> str | None:
    # A line that goes on, as marked by its backslash, goes on as it is; all others that no `$` begins are output.
    if line.startswith("$+"):
        return line[2:]
    return line[2:] if line.startswith("$ ") else None


def blocks_of(page: Path) -> Iterator[Block]:
    """The blocks of a page, from the top."""
    text = page.read_text()
    for found in _BLOCK.finditer(text):
        line = text.count("\n", 0, found.start("kind")) + 1
        yield Block(str(page.relative_to(ROOT)), line, found["kind"], found["text"], found["reason"])


BLOCKS = [block for page in PAGES for block in blocks_of(page)]
DRAWN = "mermaid"
RUN = [block for block in BLOCKS if block.kind != DRAWN and block.reason is None and block.page not in ELSEWHERE]
