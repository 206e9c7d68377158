"""What does not change from move to move is unrolled once an episode."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any

import torch
from torch import Tensor, nn

MOST = 4096
"""Instances that are remembered at most."""


class PlanCache:
    """Latents by instance, for networks that read nothing else of a state.

    With gradients the instances of a batch are unrolled once each. Without, an instance is unrolled once for as long as
    the weights stay as they are.
    """

    def __init__(self) -> None:
        self.passes = 0
        """Instances that were unrolled."""
        self._known: dict[bytes, Tensor] = {}
        self._weights: Tensor | None = None
        self._kind: Hashable = None

    def __call__(
        self, network: nn.Module, observation: dict[str, Tensor], run: Callable[[Any], Tensor], kind: Hashable
    ) -> Tensor:
        """Latents of the states of a batch, (kept, B, ...).

        Args:
            network: whose weights the latents depend on.
            observation: with an `instance` a state, (B, n_cells).
            run: latents (kept, b, ...) of b observations.
            kind: of run; another kind forgets what is known.
        """
        instances, rows = torch.unique(observation["instance"], dim=0, return_inverse=True)
        if torch.is_grad_enabled():
            return self._run(run, instances)[:, rows]
        self._forget(network, kind)
        keys = [instance.tobytes() for instance in instances.cpu().numpy()]
        new = [row for row, key in enumerate(keys) if key not in self._known]
        if new:
            latents = self._run(run, instances[torch.tensor(new, device=instances.device)])
            self._known.update((keys[row], latents[:, number]) for number, row in enumerate(new))
        return torch.stack([self._known[key] for key in keys], 1)[:, rows]

    def _run(self, run: Callable[[Any], Tensor], instances: Tensor) -> Tensor:
        self.passes += len(instances)
        return run({"instance": instances})

    def _forget(self, network: nn.Module, kind: Hashable) -> None:
        """Start anew where weights have changed, or where there is too much to remember."""
        # Compared number by number: fused optimisers and writing to `.data` count no version.
        weights = torch.cat([weight.detach().flatten() for weight in network.parameters()])
        known = self._weights is not None and torch.equal(weights, self._weights)
        if not known or kind != self._kind or len(self._known) > MOST:
            self._known.clear()
            self._weights, self._kind = weights, kind

    def __deepcopy__(self, memo: dict[int, Any]) -> PlanCache:
        return PlanCache()
