"""The error tree of the Python client.

ClientError (a ProducerError)
├── ClientMisconfigured   no key, or an address that is none; nothing was sent
├── ServiceUnreachable    no usable answer: nothing listens, the connection broke, or time ran out
├── ServiceRefused        the service answered with a problem; `code` is stable, `detail` says what to do
├── NotAtRest             the job was still queued or running when the time to wait was over
└── WebhookRefused        what came is not signed by the service, or not freshly
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypedDict

from producer.errors import ProducerError


class FieldProblem(TypedDict):
    """What is wrong with one field of a request."""

    field: str
    code: str
    detail: str


class ClientError(ProducerError):
    """Base of every error the client raises on purpose."""


class ClientMisconfigured(ClientError):
    """The client lacks a key or a usable address."""


class ServiceUnreachable(ClientError):
    """The service gave no usable answer; whether it saw the request is unknown."""


class ServiceRefused(ClientError):
    """The service answered with a problem (RFC 9457). `status` is the HTTP status, `code` the stable code."""

    def __init__(self, status: int, code: str, detail: str, errors: Sequence[FieldProblem] = ()) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.detail = detail
        self.errors = tuple(errors)


class NotAtRest(ClientError):
    """The job had not come to rest in the time that was given; it goes on, and can be waited for again."""


class WebhookRefused(ClientError):
    """A webhook that is not to be believed; answer 400 and forget it."""
