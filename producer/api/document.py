"""`python -m producer.api.document` prints the OpenAPI document, which `make openapi` writes to docs/openapi.json."""

from __future__ import annotations

import json
import sys

from fastapi import FastAPI

from producer.api.openapi import openapi
from producer.api.resources import IDENTITY, include


def document() -> str:
    """The document as text: the one that a running service serves at /openapi.json."""
    app = FastAPI(**IDENTITY)
    include(app)
    return json.dumps(openapi(app), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    sys.stdout.write(document())
