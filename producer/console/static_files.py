"""/console/static: the style sheet and two scripts, one of them htmx; none of it from elsewhere."""

from __future__ import annotations

from importlib.resources import files

from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

_SECONDS = 3600


class ConsoleFiles(StaticFiles):
    """Files that a browser may keep for an hour."""

    def __init__(self) -> None:
        super().__init__(directory=str(files("producer.console").joinpath("static")))

    async def get_response(self, path: str, scope: Scope) -> Response:
        """The file, or 404."""
        response = await super().get_response(path, scope)
        response.headers["Cache-Control"] = f"public, max-age={_SECONDS}"
        return response
