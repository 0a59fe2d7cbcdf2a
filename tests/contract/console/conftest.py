"""The console that these tests share."""

from tests.contract.console.opened import console, console_stack

__all__ = ["console", "console_stack"]
