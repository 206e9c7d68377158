"""What is true of a method for systems to control, in one row: `ControlMethod` and `ControlLine`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pkgutil import resolve_name
from typing import TYPE_CHECKING, Any

import numpy as np

from baselines.control_agents import EditPlanner, LinePlanner, Planner, StepPlanner
from baselines.line import SYSTEMS, Knowledge, Line
from baselines.method import Method
from trm_agents import presets
from trm_envs.continuous.mdp import ControlEditMDP

if TYPE_CHECKING:
    from stable_baselines3.common.base_class import BaseAlgorithm
    from stable_baselines3.common.vec_env import VecEnv

EDITED = f"{SYSTEMS}PlanEdit"
"""What ids of environments start with in which plans of systems are edited."""
OF_EDITING = ("edit", "observe", "max_edits", "accept", "gamma", "shaping")
"""Keywords that step-wise environments lack."""
_CREDITED: Mapping[str, Knowledge] = {"adjoint": "gradient", "antithetic": "checker"}
"""Credit of TRC -> what it takes."""


@dataclass(frozen=True)
class ControlMethod(Method):
    """One trainable row for systems to control."""

    puzzles: tuple[str, ...] = (EDITED,)
    stepwise: bool = False
    """Whether it chooses one control at a time, in the step-wise environment of the same system."""
    edits: int | None = None
    """Edits that it makes of a plan; None: as many as it is scored at."""
    reads_plans: bool = True
    """Whether its policy reads the plan that stands, and what is observed of it; else the instance alone."""

    def known_with(self, settings: Mapping[str, Any]) -> tuple[Knowledge, ...]:
        """See `Method.known_with`; where the gradient comes from in training is a setting of TRC."""
        known = super().known_with(settings)
        if "credit" not in settings:
            return known
        source = _CREDITED[settings["credit"]]
        return tuple(source if one in _CREDITED.values() else one for one in known)

    def known_on(self, env_kwargs: Mapping[str, Any]) -> tuple[Knowledge, ...]:
        """See `Method.known_on`; an observed gradient is one in play where the policy reads it."""
        observes = not self.stepwise and {**env_kwargs, **self.training}.get("observe") == "gradient"
        return (*self.knows, "gradient in play") if observes and self.reads_plans else self.knows

    def trained_env(self, env_id: str) -> str:
        """Id of the environment that the row is trained in, for a suite of `env_id`."""
        return env_id.replace(EDITED, SYSTEMS, 1) if self.stepwise else env_id

    def planner(self, model: BaseAlgorithm, mdp: ControlEditMDP) -> Planner:
        """What makes plans with a model of the row.

        Args:
            model: from `make` or `load`.
            mdp: the MDP that plans are scored in.
        """
        if not self.stepwise:
            return EditPlanner(model, _as_trained(model, mdp), self.edits)
        rules: Any = model.get_env().get_attr("rules")[0]  # type: ignore[union-attr]
        return StepPlanner(model, rules)

    def simulated_steps(self, mdp: ControlEditMDP, env_steps: int, model_queries: int) -> int:
        """Control steps that training has simulated: an edit, and each plan judged for learning, is a whole plan."""
        return env_steps if self.stepwise else mdp.task.horizon * (env_steps + model_queries)

    def carry_over(
        self, model: BaseAlgorithm, env_id: str, env_kwargs: Mapping[str, Any], seed: int | None = None
    ) -> BaseAlgorithm:
        """The model itself: instances out of distribution are of the same system, and the planner gets its MDP."""
        return model

    def _keywords(self, env_id: str, mdp: Any) -> dict[str, Any]:
        return presets.built(self.hyperparameters_for(env_id))

    def _vec_env(self, env_id: str, env_kwargs: Mapping[str, Any]) -> tuple[VecEnv, Any]:
        left_out = OF_EDITING if self.stepwise else ()
        keywords = {key: value for key, value in env_kwargs.items() if key not in left_out}
        return super()._vec_env(self.trained_env(env_id), keywords)


def _as_trained(model: BaseAlgorithm, mdp: ControlEditMDP) -> ControlEditMDP:
    """An MDP with the edits and the acceptance that a model was trained with, and what was observed of its system."""
    own: ControlEditMDP = model.get_env().get_attr("mdp")[0]  # type: ignore[union-attr]
    return ControlEditMDP(own.task, max_edits=mdp.max_edits, accept=own.accept, gamma=mdp.gamma, shaping=mdp.shaping)


@dataclass(frozen=True)
class ControlLine(Line):
    """One reference line of systems to control: plans that need no learning."""

    drawn_once: bool = True
    simulations: int | None = None
    """Plans that the simulator plays for an instance; None where nobody counted."""

    def planner(self, mdp: ControlEditMDP, rng: np.random.Generator) -> Planner:
        """What makes its plans.

        Args:
            mdp: the MDP that plans are scored in.
            rng: not drawn from: there is no chance in these lines.
        """
        return LinePlanner(partial(resolve_name(self.path), self.name, mdp.task), self.simulations)
