"""Batches in which a maze occurs once."""

from __future__ import annotations

from collections.abc import Generator

import numpy as np
from stable_baselines3.common.buffers import DictRolloutBuffer
from stable_baselines3.common.type_aliases import DictRolloutBufferSamples


class WholeRollouts(DictRolloutBuffer):
    """A rollout buffer whose batches hold all steps of some environments, drawn anew for each epoch.

    Steps of an episode then share a batch, so a policy with a plan cache unrolls each instance once an epoch, and not
    once for every batch that one of its steps is in. For PPO, as `rollout_buffer_class=WholeRollouts`.
    """

    def get(  # type: ignore[override]  # as the parent does
        self, batch_size: int | None = None
    ) -> Generator[DictRolloutBufferSamples, None, None]:
        """Batches of about `batch_size` steps, the last one smaller; None: one batch."""
        if not self.generator_ready:
            # This puts the steps of an environment one after the other.
            next(super().get())
        steps = np.arange(self.buffer_size * self.n_envs).reshape(self.n_envs, self.buffer_size)
        order = steps[np.random.permutation(self.n_envs)].ravel()
        size = len(order) if batch_size is None else batch_size
        for begin in range(0, len(order), size):
            yield self._get_samples(order[begin : begin + size])
