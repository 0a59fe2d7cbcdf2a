"""Two copies of a model share one set of weights and each takes half of a batch on its own core.

Splitting every operation over two threads, as torch does by itself, meets at a barrier a thousand times a step and
crawls as soon as anything else runs on the machine; two halves meet once a step.
"""

import copy
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Generic, TypeVar

import torch
from torch import Tensor, nn

Model = TypeVar("Model", bound=nn.Module)
Part = TypeVar("Part")
HALVES = 2


def one_core() -> None:
    """Keep this thread's arithmetic on one core, and let tiny numbers be zero: they cost a hundred times more."""
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)


class Twins(Generic[Model, Part]):
    """Gradient of the mean loss over two halves; adding them in a fixed order keeps runs repeatable."""

    def __init__(self, model: Model, loss_of: Callable[[Model, Part], Tensor]) -> None:
        self._models = [model, copy.deepcopy(model)]
        for mine, other in zip(model.parameters(), self._models[1].parameters(), strict=True):
            other.data = mine.data
        self._loss_of = loss_of
        self._threads = ThreadPoolExecutor(HALVES, initializer=one_core)

    def backward(self, halves: Sequence[Part]) -> float:
        """Leave the gradient on the first model's parameters; return the loss."""
        for model in self._models:
            model.zero_grad(set_to_none=True)
        losses = list(self._threads.map(self._half, self._models, halves))
        with torch.no_grad():
            for mine, other in zip(self._models[0].parameters(), self._models[1].parameters(), strict=True):
                if mine.grad is not None and other.grad is not None:
                    mine.grad.add_(other.grad).div_(HALVES)
        return sum(losses) / HALVES

    def _half(self, model: Model, part: Part) -> float:
        loss = self._loss_of(model, part)
        loss.backward()
        return loss.item()
