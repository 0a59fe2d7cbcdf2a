"""The commands by name. Each is imported when it is used, so that `inpaintd get` does not load a web server."""

from __future__ import annotations

import importlib
import sys
from types import ModuleType

import click
from click.shell_completion import CompletionItem

from producer.cli.plain_errors import plain_errors
from storage.loading import loading

COMMANDS = {
    "up": "producer.cli.up:up",
    "api": "producer.cli.programs:api",
    "worker": "producer.cli.programs:worker",
    "keeper": "producer.cli.programs:keeper",
    "plan": "producer.cli.programs:plan",
    "submit": "producer.cli.submit:submit",
    "watch": "producer.cli.watch:watch",
    "wait": "producer.cli.jobs:wait",
    "get": "producer.cli.jobs:get",
    "ls": "producer.cli.listing:ls",
    "cancel": "producer.cli.jobs:cancel",
    "appeal": "producer.cli.jobs:appeal",
    "batch": "producer.cli.batch:batch",
    "webhooks": "producer.cli.webhooks:webhooks",
    "detect": "producer.cli.detect:detect",
    "keys": "producer.cli.keys:keys",
    "tenants": "producer.cli.tenants:tenants",
    "review": "producer.cli.review:review",
    "moderators": "producer.cli.moderators:moderators",
    "audit": "producer.cli.audit:audit",
    "policy": "producer.cli.policy:policy",
    "banks": "producer.cli.banks:banks",
    "strikes": "producer.cli.strikes:strikes",
    "erase": "producer.cli.erase:erase",
    "storage": "producer.cli.storage:storage",
    "restore-check": "producer.cli.restore:restore_check",
    "models": "producer.cli.models:models",
    "migrate": "producer.cli.admin:migrate",
    "database": "producer.cli.database:database",
    "doctor": "producer.cli.admin:doctor",
    "completion": "producer.cli.completion:completion",
}


class _Commands(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in COMMANDS:
            return None
        module, _, name = COMMANDS[cmd_name].partition(":")
        command = getattr(_loaded(module), name)
        return command if isinstance(command, click.Command) else None

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        # By names alone: to say what each is for would import them all at every press of the key.
        if incomplete.startswith("-"):
            return click.Command.shell_complete(self, ctx, incomplete)
        return [CompletionItem(name) for name in COMMANDS if name.startswith(incomplete)]

    def invoke(self, ctx: click.Context) -> object:
        with plain_errors():
            return super().invoke(ctx)


def _loaded(module: str) -> ModuleType:
    if module in sys.modules:
        return sys.modules[module]
    with loading():
        return importlib.import_module(module)


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(package_name="inpaintd")
def main() -> None:
    """Asynchronous inpainting: submit jobs, run the service, look after it.

    INPAINTD_URL and INPAINTD_KEY name the service and the key. Exit status: 0 all well; 1 the job failed, was
    blocked, is held or did not finish, or a check failed; 2 the input is at fault; 3 the service gave no answer.
    """
