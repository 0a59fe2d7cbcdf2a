"""A moving average of weights: what is shipped, because it draws far better than the last step does."""

import torch
from torch import Tensor, nn


class Average:
    """Exponential moving average with a warm-up, so that the first random weights are soon forgotten."""

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.decay = decay
        self.count = 0
        self.weights: dict[str, Tensor] = {k: v.detach().clone() for k, v in model.state_dict().items()}

    @torch.no_grad()
    def update(self, model: nn.Module) -> None:
        """Move a little towards the model's present weights."""
        self.count += 1
        keep = min(self.decay, (1 + self.count) / (10 + self.count))
        for name, value in model.state_dict().items():
            if value.is_floating_point():
                self.weights[name].lerp_(value, 1 - keep)

    def copy_to(self, model: nn.Module) -> None:
        """Put the average into a model of the same shape."""
        model.load_state_dict(self.weights)
