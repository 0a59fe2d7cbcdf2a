"""From our errors to one sentence and an exit status."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import click

from producer.client.errors import NotAtRest, ServiceRefused, ServiceUnreachable
from producer.client.retries import TOO_MANY_REQUESTS
from producer.errors import ProducerError
from producer.local_errors import ChildDied
from safety.errors import SafetyError
from storage.errors import StorageError


class Unwell(click.ClickException):
    """The input was fine and what was asked for did not come about: exit status 1."""

    exit_code = 1


class Misuse(click.ClickException):
    """The input is at fault: exit status 2."""

    exit_code = 2


class Unreachable(click.ClickException):
    """A service gave no usable answer: exit status 3."""

    exit_code = 3


@contextlib.contextmanager
def plain_errors() -> Iterator[None]:
    """Turns the errors that a user can do something about into one of the above; others keep their traceback."""
    try:
        yield
    except (ProducerError, StorageError, SafetyError) as error:
        raise plain(error) from error
    except OSError as error:
        if error.filename is None:
            raise
        raise plain(error) from error


def plain(error: Exception) -> click.ClickException:
    """The sentence and the exit status of an error of ours, or of one with a file."""
    if isinstance(error, OSError):
        return Misuse(f"{error.filename}: {error.strerror}; check the path.")
    return _kind(error)(_message(error))


def _kind(error: Exception) -> type[click.ClickException]:
    # 429 stands beside 5xx: the input is fine, and later the same command may do.
    no_answer = isinstance(error, ServiceRefused) and (error.status == TOO_MANY_REQUESTS or error.status >= 500)
    if no_answer or isinstance(error, ServiceUnreachable):
        return Unreachable
    return Unwell if isinstance(error, NotAtRest | ChildDied) else Misuse


def _message(error: Exception) -> str:
    if not isinstance(error, ServiceRefused):
        return str(error)
    rest = [f"\n  {problem['field']}: {problem['detail']}" for problem in error.errors[1:]]
    return f"{error.detail} [{error.code}]{''.join(rest)}"
