"""Host tensors on their way to the device, without the host waiting for it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch
from torch.overrides import TorchFunctionMode


class Sending(TorchFunctionMode):
    """While it is active, `tensor.to(device)` of a host tensor goes through `send`.

    diffusers' schedulers draw noise on the host and send it with a plain `.to(device)`, at which the host waits until
    the device has done all it was given: one picture with such a scheduler would hold up every step of all others.
    """

    def __init__(self, send: Callable[[torch.Tensor], torch.Tensor]) -> None:
        super().__init__()
        self._send = send

    def __torch_function__(
        self, func: Any, types: Iterable[type], args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        """See TorchFunctionMode."""
        named = kwargs or {}
        if func is torch.Tensor.to and args[0].device.type == "cpu" and _leaves_the_host(args[1:], named):
            args = (self._send(args[0]), *args[1:])
        return func(*args, **named)


def _leaves_the_host(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> bool:
    targets = [target for target in (*args, kwargs.get("device")) if isinstance(target, str | torch.device)]
    return any(torch.device(target).type != "cpu" for target in targets)
