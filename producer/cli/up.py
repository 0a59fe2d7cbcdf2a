"""`inpaintd up`: everything in one folder."""

from __future__ import annotations

from pathlib import Path

import click

from producer.interrupts import interruptible
from producer.local import LocalStack
from producer.settings import ProducerSettings, inherited_environment
from safety.policy import load_policy
from safety.settings import SafetySettings
from storage.settings import secret_text

# For somebody who tries it out on the own machine, where the stack listens alone; the environment has the last word.
TRIAL = {"INPAINTD_TRY": "open", "INPAINTD_PREVIEW_EVERY": "4"}


@click.command()
@click.option(
    "--dir",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("inpaintd-data"),
    show_default=True,
    help="Where everything is kept; made if it is not there.",
)
@click.option("--port", type=click.IntRange(0, 65535), help="Port of the HTTP interface; 0: any free one.")
def up(folder: Path, port: int | None) -> None:
    """Run everything embedded until interrupted: Redis, API, keeper and one worker per device."""
    chosen = ProducerSettings.from_env().port if port is None else port
    # A broken one is named here, and not at the end of a child's log.
    load_policy(SafetySettings.from_env(secret_text).policy)
    environment = TRIAL | inherited_environment()
    redis_url = secret_text("INPAINTD_REDIS_URL", environment) or None
    stack = LocalStack(folder, chosen, devices=None, redis_url=redis_url, environment=environment)
    try:
        with interruptible(), stack:
            click.echo(_welcome(stack))
            stack.watch()
    except KeyboardInterrupt:
        click.echo("inpaintd has stopped.")


def _welcome(stack: LocalStack) -> str:
    key = f'$(cat "{stack.folder.key_file}")'
    return (
        f"inpaintd is ready at {stack.url} (documentation: {stack.url}/docs)\n"
        f"The admin's key is in {stack.folder.key_file}, the logs are in {stack.folder.root / 'logs'}\n"
        f"Try it in a browser at {stack.url}/ or by\n"
        f'  curl -H "Authorization: Bearer {key}" -F image=@photo.png -F mask=@mask.png \\\n'
        f'    -F prompt="a red circle" "{stack.url}/v1/jobs?wait=60"\n'
        "Stop it with Ctrl-C."
    )
