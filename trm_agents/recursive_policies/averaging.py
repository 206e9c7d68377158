"""A running average of the weights, which predictions are made with."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn


class Averages(AveragedModel):
    """A running average of a module's weights, updated after each step of an optimiser; the first step sets it.

    Args:
        module: whose weights are averaged.
        decay: share of the average that a step leaves.
        optimizer: whose steps count.
    """

    def __init__(self, module: nn.Module, decay: float, optimizer: torch.optim.Optimizer) -> None:
        super().__init__(module, multi_avg_fn=get_ema_multi_avg_fn(decay))  # type: ignore[no-untyped-call]
        optimizer.register_step_post_hook(lambda *_: self.update_parameters(module))

    @contextmanager
    def used_by(self, module: nn.Module) -> Iterator[None]:
        """Let the module have the averaged weights, and take its own back afterwards."""
        self._exchange(module)
        try:
            yield
        finally:
            self._exchange(module)

    def _exchange(self, module: nn.Module) -> None:
        averaged: Any = self.module
        for own, average in zip(module.parameters(), averaged.parameters(), strict=True):
            own.data, average.data = average.data, own.data
