"""`inpaintd models`: what an operator needs to know of a model's files."""

from __future__ import annotations

from pathlib import Path

import click

from producer.cli.output import JSON, as_json
from storage.model_hash import MARK, model_hash


@click.group()
def models() -> None:
    """The models on offer."""


@models.command("hash")
@click.argument("path", type=click.Path(exists=True, path_type=Path))
@JSON
def hash_files(path: Path, json_output: bool) -> None:
    """Print PATH, a model's folder or file, with the pin to write into INPAINTD_MODELS."""
    found = model_hash(path)
    if json_output:
        as_json({"path": str(path), "sha256": found})
    else:
        click.echo(f"{path}{MARK}{found}")
