"""The `inpaintd` command."""

from producer.cli.main import main

__all__ = ["main"]
