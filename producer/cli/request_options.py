"""Options for every field of a request, made from the schema itself: no default and no name is written twice."""

from __future__ import annotations

import json
import types
import typing
from collections.abc import Callable, Iterator, Mapping
from enum import StrEnum
from typing import Any

import click
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from producer.api.schemas import JobFields

Command = Callable[..., Any]


class _JsonObject(click.ParamType[dict[str, Any]]):
    name = "json"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> dict[str, Any]:
        try:
            found = json.loads(value)
        except ValueError as error:
            self.fail(f"not JSON: {error}.", param, ctx)
        if not isinstance(found, dict):
            self.fail("must be a JSON object, for example '{\"order\": 17}'.", param, ctx)
        return found


JSON_OBJECT = _JsonObject()


def request_options(command: Command) -> Command:
    """Adds an option for each field of a request but `image` and `mask`; one that is not given is not sent."""
    for path, field in reversed(fields_of().items()):
        command = _option(path, field)(command)
    return command


def chosen(values: dict[str, Any]) -> dict[str, Any]:
    """The fields of a request among a command's `values`, those that were given, nested as in the request."""
    given = {path: values[_name(path)] for path in fields_of()}
    return nested({path: value for path, value in given.items() if value is not None and value != ()})


def fields_of() -> dict[tuple[str, ...], FieldInfo]:
    """Every field of a request but `image` and `mask`, by its path: `("output", "format")`."""
    return dict(_fields(JobFields))


def nested(given: Mapping[tuple[str, ...], Any]) -> dict[str, Any]:
    """Values by path as a request holds them."""
    request: dict[str, Any] = {}
    for (*outer, last), value in given.items():
        place = request
        for part in outer:
            place = place.setdefault(part, {})
        place[last] = list(value) if isinstance(value, tuple) else value
    return request


def plain_type(field: FieldInfo) -> Any:
    """The type of a field's values, without `None` and limits."""
    return _plain(field.annotation)


def _fields(model: type[BaseModel], outer: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], FieldInfo]]:
    for name, field in model.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from _fields(field.annotation, (*outer, name))
        else:
            yield (*outer, name), field


def _option(path: tuple[str, ...], field: FieldInfo) -> Callable[[Command], Command]:
    flag, kind = "--" + _name(path).replace("_", "-"), plain_type(field)
    settings: dict[str, Any] = {"default": None, "help": _help(field)}
    if kind is bool:
        return click.option(f"{flag}/--no-{flag[2:]}", _name(path), **settings)
    if typing.get_origin(kind) is list:
        return click.option(flag, _name(path), **settings | {"multiple": True, "default": ()})
    return click.option(flag, _name(path), type=_type(kind), **settings)


def _plain(annotation: Any) -> Any:
    """The type itself, without `| None` and without its limits, which the service checks."""
    if typing.get_origin(annotation) in (types.UnionType, typing.Union):
        annotation = next(option for option in typing.get_args(annotation) if option is not type(None))
    if typing.get_origin(annotation) is typing.Annotated:
        return _plain(typing.get_args(annotation)[0])
    return annotation


def _type(kind: Any) -> Any:
    if typing.get_origin(kind) is dict:
        return JSON_OBJECT
    if issubclass(kind, StrEnum):
        return click.Choice([member.value for member in kind])
    return kind


def _help(field: FieldInfo) -> str:
    default = "" if field.default is None or field.default_factory else f"[default: {_shown(field.default)}]"
    return f"{field.description or ''} {default}".strip()


def _shown(value: Any) -> str:
    return {"": "empty", "True": "yes", "False": "no"}.get(str(value), str(value))


def _name(path: tuple[str, ...]) -> str:
    return "_".join(path)
