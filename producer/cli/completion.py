"""`inpaintd completion`: names of commands and options at a press of the tab key."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

_VARIABLE = "_INPAINTD_COMPLETE"
_HOW = {
    "bash": 'eval "$(inpaintd completion bash)"  # in ~/.bashrc',
    "zsh": 'eval "$(inpaintd completion zsh)"  # in ~/.zshrc',
    "fish": "inpaintd completion fish > ~/.config/fish/completions/inpaintd.fish",
}


@click.command(epilog="\b\n" + "\n".join(_HOW.values()))
@click.argument("shell", type=click.Choice(tuple(_HOW)))
def completion(shell: str) -> None:
    """Print what SHELL needs to complete names of commands and options."""
    kind = get_completion_class(shell)
    root = click.get_current_context().find_root()
    if kind is not None:
        click.echo(kind(root.command, {}, "inpaintd", _VARIABLE).source())
