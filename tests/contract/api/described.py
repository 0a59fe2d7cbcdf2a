"""The committed OpenAPI document as a judge: every answer that a test gets must be one that it describes."""

from __future__ import annotations

import functools
import json
import re
from pathlib import Path
from typing import Any, NamedTuple

import httpx
from jsonschema import Draft202012Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

PAGE = Path(__file__).parents[3] / "docs" / "openapi.json"


class Operation(NamedTuple):
    """One method of one address. `pattern` fits the addresses that lead to it."""

    method: str
    path: str
    pattern: re.Pattern[str]
    about: dict[str, Any]

    @property
    def parameters(self) -> list[str]:
        """The names in the path."""
        return re.findall(r"{(\w+)}", self.path)

    @property
    def takes_bytes(self) -> bool:
        """Whether the body is the bytes of a picture."""
        content = self.about.get("requestBody", {}).get("content", {})
        return any("json" not in kind and "multipart" not in kind for kind in content)

    @property
    def body(self) -> dict[str, Any] | None:
        """An example of what it takes as JSON; None where it takes nothing, or only a form."""
        content = self.about.get("requestBody", {}).get("content", {}).get("application/json")
        if content is None:
            return None
        schema = document()["components"]["schemas"][content["schema"]["$ref"].rpartition("/")[2]]
        example: dict[str, Any] = schema["examples"][0]
        return example


@functools.cache
def document() -> dict[str, Any]:
    """docs/openapi.json."""
    found: dict[str, Any] = json.loads(PAGE.read_text())
    return found


@functools.cache
def operations() -> tuple[Operation, ...]:
    """Every operation, plainer addresses first: those with fewer parameters win."""
    found = [
        Operation(method.upper(), path, _pattern(path), about)
        for path, methods in document()["paths"].items()
        for method, about in methods.items()
    ]
    return tuple(sorted(found, key=lambda operation: len(operation.parameters)))


def as_described(response: httpx.Response) -> None:
    """Fails for an answer whose status, media type or body the document does not foresee."""
    path = response.request.url.path
    fits = [o for o in operations() if o.method == response.request.method and o.pattern.fullmatch(path)]
    if not fits or response.status_code == 405:
        return  # there is no such address: the problem is about that
    declared = fits[0].about["responses"]
    name = f"{fits[0].about['operationId']} {response.status_code}"
    assert str(response.status_code) in declared, f"{name} is not described"
    content = declared[str(response.status_code)].get("content", {})
    media_type = response.headers.get("content-type", "").partition(";")[0]
    assert media_type in content or not content or not media_type, f"{name}: {media_type} is not described"
    if media_type.endswith("json") and content:
        response.read()
        validator = _validator(_pointer(fits[0], response.status_code, media_type))
        found = response.text.splitlines() if media_type == "application/x-ndjson" else [response.text]
        problems = [error.message for one in found for error in validator.iter_errors(json.loads(one))]
        assert not problems, f"{name}: {problems}"


def _pattern(path: str) -> re.Pattern[str]:
    # A label may hold slashes, as the route of batches allows.
    return re.compile(re.sub(r"{(\w+)}", lambda found: ".+" if found[1] == "batch" else "[^/]+", path))


def _pointer(operation: Operation, status: int, media_type: str) -> str:
    answer = ("responses", str(status), "content", media_type, "schema")
    parts = ("paths", operation.path, operation.method.lower(), *answer)
    return "/".join(part.replace("~", "~0").replace("/", "~1") for part in parts)


@functools.cache
def _registry() -> Registry[Any]:
    return Registry().with_resource("urn:openapi", Resource(document(), DRAFT202012))


@functools.cache
def _validator(pointer: str) -> Draft202012Validator:
    return Draft202012Validator({"$ref": f"urn:openapi#/{pointer}"}, registry=_registry())
