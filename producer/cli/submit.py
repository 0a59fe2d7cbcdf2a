"""`inpaintd submit`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from producer.cli.output import finish, follow
from producer.cli.request_options import chosen, request_options
from producer.client import Client

PICTURE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command()
@click.argument("image", type=PICTURE)
@click.option("--mask", type=PICTURE, help="Picture of the image's size; white is repainted. Else the image's alpha.")
@request_options
@click.option("--wait", is_flag=True, help="Wait until the job has ended or is held.")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Wait, and write the result here.")
@click.option("--json", "json_output", is_flag=True, help="Print the job as JSON.")
def submit(image: Path, mask: Path | None, wait: bool, out: Path | None, json_output: bool, **fields: Any) -> None:
    """Submit IMAGE (PNG, JPEG or WebP) for inpainting."""
    with Client() as client:
        job = client.submit(image, mask, **chosen(fields))
        if wait or out:
            job = follow(client, job, timeout=None)
        finish(client, job, out, json_output=json_output)
