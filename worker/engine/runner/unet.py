"""The UNet call: rows of several pictures in, one prediction a row out."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

import torch

LADDER = (1, 2, 4, 6, 8, 12, 16, 20, 24, 28, 32)
"""Row counts that a UNet call is padded to on CUDA. One CUDA graph each: few enough to keep, close enough that at most
a third of a call is padding, and an eighth from 24 rows on."""


@dataclass(frozen=True, slots=True, eq=False)
class UnetRows:
    """Rows of one UNet call, on the device.

    `sample` is (n, 9, h, w), `times` (n,), `embeds` (n, tokens, width); `added` holds what SDXL's UNet wants beside
    them, (n, ...) each, and is empty for others.
    """

    sample: torch.Tensor
    times: torch.Tensor
    embeds: torch.Tensor
    added: Mapping[str, torch.Tensor] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.sample)

    @property
    def shapes(self) -> Hashable:
        """Equal for calls that one CUDA graph can serve."""
        return tuple((tuple(tensor.shape), tensor.dtype) for tensor in self.tensors)

    @property
    def tensors(self) -> list[torch.Tensor]:
        """All of them, always in the same order."""
        return [self.sample, self.times, self.embeds, *(self.added[name] for name in sorted(self.added))]

    def map(self, change: Callable[[torch.Tensor], torch.Tensor]) -> Self:
        """The same with every tensor changed."""
        added = {name: change(tensor) for name, tensor in self.added.items()}
        return type(self)(change(self.sample), change(self.times), change(self.embeds), added)

    def padded(self, count: int) -> Self:
        """`count` rows: these, and then the first one again and again, since a real row surely computes."""
        missing = count - len(self)
        if missing == 0:
            return self
        return self.map(lambda tensor: torch.cat([tensor, tensor[:1].expand(missing, *tensor.shape[1:])]))


UnetCall = Callable[[UnetRows], torch.Tensor]
"""Predictions (n, 4, h, w) of n rows."""


class PlainUnet:
    """The network as it is."""

    def __init__(self, unet: Any) -> None:
        self._unet = unet

    def __call__(self, rows: UnetRows) -> torch.Tensor:
        added = dict(rows.added) or None
        output: torch.Tensor = self._unet(
            rows.sample, rows.times, rows.embeds, added_cond_kwargs=added, return_dict=False
        )[0]
        return output


class BucketedUnet:
    """Pads every call to the next size of `ladder`; a call beyond the last size goes as it is."""

    def __init__(self, call: UnetCall, ladder: Sequence[int]) -> None:
        self._call = call
        self._ladder = ladder

    def __call__(self, rows: UnetRows) -> torch.Tensor:
        count = len(rows)
        return self._call(rows.padded(next_size(count, self._ladder)))[:count]


def next_size(count: int, ladder: Sequence[int]) -> int:
    """The smallest size of `ladder` that `count` rows fit into; `count` itself beyond the last."""
    return min((size for size in ladder if size >= count), default=count)
