"""`inpaintd detect`."""

from __future__ import annotations

from pathlib import Path

import click

from producer.cli.output import as_json
from producer.client import Client
from producer.client.types import DetectionView


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--search/--no-search",
    default=True,
    help="Look for marks in turned, mirrored, scaled and pasted pictures as well, which takes about a second.",
)
@click.option("--json", "json_output", is_flag=True, help="Print all that was found as JSON.")
def detect(file: Path, search: bool, json_output: bool) -> None:
    """Say where the picture FILE comes from: made here or not, when, by which model, what was repainted.

    Asks the service at INPAINTD_URL, which has the secret of the mark and the record of what it marked, and keeps
    nothing of FILE. It needs INPAINTD_KEY unless the service answers anybody (INPAINTD_PUBLIC_DETECT).
    """
    with Client(keyless=True) as client:
        found = client.detect(file, search=search)
    if json_output:
        as_json(found)
        return
    for line in _lines(found):
        click.echo(line)


def _lines(found: DetectionView) -> list[str]:
    lines = list(found["summary"])
    if origin := found["origin"]:
        lines.append(f"Made at {origin['made_at']} by {origin['model']['name']}.")
        if origin["job"]:
            lines.append(f"Image {origin['index']} of {origin['job']}.")
    for left, top, right, bottom in found["repainted"]:
        lines.append(f"Repainted from {left},{top} to {right},{bottom} of {found['width']}x{found['height']} pixels.")
    return lines
