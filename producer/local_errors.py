"""What can go wrong with the embedded stack.

LocalStackError (a ProducerError)
├── FolderBusy     another stack runs on the folder
├── PortTaken      the port that was asked for is in use
├── RedisMissing   there is no Redis to start and none was named
└── ChildDied      one of the programs did not start, or ended by itself
"""

from __future__ import annotations

from producer.errors import ProducerError


class LocalStackError(ProducerError):
    """Base of every error of the embedded stack."""


class FolderBusy(LocalStackError):
    """Another stack runs on the folder."""


class PortTaken(LocalStackError):
    """Something else listens on the port."""


class RedisMissing(LocalStackError):
    """No Redis can be started here and none was named."""


class ChildDied(LocalStackError):
    """A program of the stack did not start or ended by itself; the message names its log."""
