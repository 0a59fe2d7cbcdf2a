"""Where the dialects are: their routes, and the words in which errors leave below their prefixes."""

from __future__ import annotations

from typing import NamedTuple

from fastapi import APIRouter, FastAPI

from producer.dialects.a1111 import errors as a1111_errors
from producer.dialects.a1111 import routes as a1111
from producer.dialects.fal import errors as fal_errors
from producer.dialects.fal import routes as fal
from producer.dialects.openai import errors as openai_errors
from producer.dialects.openai import routes as openai
from producer.dialects.replicate import errors as replicate_errors
from producer.dialects.replicate import routes as replicate
from producer.dialects.rewording import Reword, Rewording


class Dialect(NamedTuple):
    """What stands below the path `prefix`."""

    prefix: str
    router: APIRouter
    reword: Reword


DIALECTS = (
    Dialect("/openai", openai.router, openai_errors.reword),
    Dialect("/replicate", replicate.router, replicate_errors.reword),
    Dialect("/a1111", a1111.router, a1111_errors.reword),
    Dialect("/fal", fal.router, fal_errors.reword),
)


def open_doors(app: FastAPI) -> None:
    """Adds every dialect to the application; none of them is in its OpenAPI document, which is the native one's."""
    for dialect in DIALECTS:
        app.include_router(dialect.router, prefix=dialect.prefix, include_in_schema=False)
    # The outermost: whatever answers, answers below it.
    app.add_middleware(Rewording, dialects={dialect.prefix: dialect.reword for dialect in DIALECTS})
