"""How a row with a recursive policy walks through mazes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pkgutil import resolve_name
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from stable_baselines3.common.callbacks import BaseCallback

DEPTHS = "depths"
"""The setting of that name, which is no keyword of a policy."""
K_CYCLES, GRADIENT_CYCLES = "k_cycles", "gradient_cycles"


@dataclass(frozen=True)
class Walking:
    """What a row does differently where edits are moves."""

    policy: str
    """As `Method.policy`."""
    words: Mapping[str, Any]
    """Keywords of the policy, see `trm_agents.recursive_policies.Options`."""
    n_envs: int
    """Episodes collected at once."""
    buffer: str | None = None
    """Import path `module:class` of its rollout buffer; None: the algorithm's own."""
    depths: tuple[int, int] | None = None
    """Fewest and most cycles of a rollout, drawn anew for each (`VaryDepth`); None: always `k_cycles`."""

    def settings_among(self, settings: Mapping[str, Any]) -> dict[str, Any]:
        """Those settings that are keywords of the policy, or `depths`."""
        from trm_agents.recursive_policies.options import NAMES

        return {setting: value for setting, value in settings.items() if setting in (*NAMES, DEPTHS)}

    def with_settings(self, settings: Mapping[str, Any]) -> Walking:
        """The same with other settings, those of `settings_among`.

        Another number of cycles is that of training as well: drawn depths, and gradients through some cycles, are
        those of the row's own number, unless they are named.
        """
        words, depths = dict(self.words), self.depths
        if K_CYCLES in settings:
            words.pop(GRADIENT_CYCLES, None)
            depths = None
        words |= settings
        depths = words.pop(DEPTHS, depths)
        return replace(self, words=words, depths=tuple(depths) if isinstance(depths, list) else depths)

    def keywords(self) -> dict[str, Any]:
        """Keywords of the algorithm."""
        buffer = {} if self.buffer is None else {"rollout_buffer_class": resolve_name(self.buffer)}
        return {"policy_kwargs": dict(self.words), **buffer}

    def callbacks(self) -> list[BaseCallback]:
        """What goes with training."""
        if self.depths is None:
            return []
        from trm_agents.recursive_policies import VaryDepth

        return [VaryDepth(*self.depths)]

    def check(self) -> None:
        """Raise ValueError where settings exclude each other, before anything is made."""
        from trm_agents.recursive_policies import Options

        Options(**self.words)
        self.callbacks()
