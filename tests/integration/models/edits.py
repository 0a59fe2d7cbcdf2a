"""Small changes to model folders."""

import json
from pathlib import Path
from typing import Any


def edit_json(path: Path, **changes: Any) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))
