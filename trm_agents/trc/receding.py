"""Receding-horizon control by a plan editor under an acceptance test, which makes any editor stable.

After each step the plan that is left is shifted and gets a tail. An edited plan takes its place only if it is feasible
and costs no more. Then the value falls by the stage cost in every step, whatever the editor does: the theorem and its
premises are in docs/stability.md.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from trm_agents.trc.playing import Predicts
from trm_envs.continuous.mdp import ControlEditMDP
from trm_envs.continuous.spaces import ControlEditRules, Observe
from trm_envs.continuous.task import Numbers
from trm_envs.control import kernels
from trm_envs.control.quadratic import QuadraticTask
from trm_envs.control.terminal import Terminal, continued, regulated, stage_costs, terminal, value

Flags = NDArray[np.bool_]

TOLERANCE = 1e-9
"""Of comparisons of values, relative to 1 + V."""
FIRST_EDITS = 2
"""Edits of the first plan."""


class ClosedLoop(NamedTuple):
    """What a controller did in closed loop in T steps of the B instances that it had a first plan for."""

    started: Flags
    """Which of all instances had a feasible first plan; the others are in none of the fields below."""
    states: Numbers
    """Shape (B, T + 1, 2)."""
    controls: Numbers
    """Shape (B, T)."""
    values: Numbers
    """V of the plan in force, shape (B, T + 1)."""
    accepted: Flags
    """Whether an edited plan was taken at the state after a step, shape (B, T)."""
    rises: Flags
    """The continued plan at the undisturbed next state is infeasible, or its V exceeds V before minus the stage cost,
    shape (B, T)."""
    worse: Flags
    """The plan in force costs more than the continued plan where that is feasible, shape (B, T)."""
    lost: Flags
    """The plan in force does not end in the terminal set, or leaves the bound of the control, shape (B, T)."""

    @property
    def violations(self) -> int:
        """Steps at which anything that the theorem promises did not hold."""
        return int((self.rises | self.worse | self.lost).sum())

    def summary(self) -> str:
        """The figures in words."""
        norms = np.hypot(self.states[:, -1, 0], self.states[:, -1, 1])
        return (
            f"{self.controls.size} steps of {len(self.controls)} of {len(self.started)} states: "
            f"{self.violations} violations (value rises {int(self.rises.sum())}, dearer plan {int(self.worse.sum())}, "
            f"terminal set missed {int(self.lost.sum())}); edits accepted {self.accepted.mean():.1%}; "
            f"|x| at the end {norms.mean():.4f} in the mean, {norms.max():.4f} at most"
        )


class Receding:
    """Receding-horizon control of a quadratic system by a model that edits plans.

    Args:
        model: what edits.
        mdp: its MDP, of a quadratic system.
        mu: of Van der Pol.
        edits: edits at each step.
        observe: what the model was trained to see.
        test: False takes every edited plan, to see what the acceptance test prevents.

    Raises:
        ValueError: the system is no quadratic one.
    """

    def __init__(
        self,
        model: Predicts,
        mdp: ControlEditMDP,
        mu: float = 1.0,
        edits: int = 1,
        observe: Observe = "error",
        test: bool = True,
    ) -> None:
        if not isinstance(mdp.task, QuadraticTask):
            raise ValueError(f"receding-horizon control needs a quadratic system, got {type(mdp.task).__name__}")
        self.model, self.mdp, self.task = model, mdp, mdp.task
        self.rules, self.edits, self.test = ControlEditRules(mdp, observe), edits, test
        self.terminal: Terminal = terminal(self.task.system, mu)

    def run(self, instances: Numbers, steps: int, noise: float = 0.0, seed: int = 0) -> ClosedLoop:
        """Control instances, shape (B, n), for so many steps.

        Args:
            instances: first states.
            steps: T.
            noise: standard deviation of what is added to both states after each step.
            seed: of the noise.
        """
        task, rng = self.task, np.random.default_rng(seed)
        plans, started, state = self._first(instances)
        here, plans = instances[started], plans[started]
        values = value(task, self.terminal, here, plans).values
        states, controls, history, facts = [here[:, :2]], [], [values], []
        for _ in range(steps):
            stage = stage_costs(task.system, here[:, :2], plans[:, 0])
            calm = self._stepped(here, plans[:, 0])
            due = value(task, self.terminal, calm, continued(task, self.terminal, here, plans, calm))
            rises = ~due.feasible | (due.values > values - stage + TOLERANCE * (1.0 + values))
            after = calm.copy()
            after[:, :2] += noise * rng.standard_normal((len(after), 2))
            controls.append(plans[:, 0])
            kept = self._fed(after, continued(task, self.terminal, here, plans, after))
            plans, accepted, state = self._edited(after, kept, state)
            here, old, new = after, value(task, self.terminal, after, kept), value(task, self.terminal, after, plans)
            values = new.values
            worse = old.feasible & (values > old.values + TOLERANCE * (1.0 + old.values))
            states.append(here[:, :2])
            history.append(values)
            facts.append((accepted, rises, worse, ~new.feasible))
        columns = (np.stack(column, 1) for column in zip(*facts, strict=True))
        return ClosedLoop(started, np.stack(states, 1), np.stack(controls, 1), np.stack(history, 1), *columns)

    def _stepped(self, instances: Numbers, controls: Numbers) -> Numbers:
        """Instances one step later."""
        system, after = self.task.system, instances.copy()
        after[:, :2] = kernels.steps(system.kind, system.time_step, instances, instances[:, :2], controls)
        return after

    def _first(self, instances: Numbers) -> tuple[Numbers, Flags, Any]:
        """First plans, whether they are feasible, and what the model carries; the feedback's plan where it fails."""
        plans, state = self.mdp.initial(instances).plans, None
        fed = regulated(self.task, self.terminal, instances)
        for _ in range(FIRST_EDITS):
            plans, state = self._written(instances, plans, state)
        failed = ~value(self.task, self.terminal, instances, plans).feasible
        plans = self._fed(instances, np.where(failed[:, None], fed, plans))
        started = value(self.task, self.terminal, instances, plans).feasible
        return plans, started, None if state is None else tuple(part[started] for part in state)

    def _fed(self, instances: Numbers, plans: Numbers) -> Numbers:
        """Plans, or in the terminal set the feedback's where those are cheaper: V <= F holds there."""
        fed = self._better(instances, plans, regulated(self.task, self.terminal, instances))[0]
        inside = self.terminal.cost(instances[:, :2]) <= self.terminal.level
        return np.where(inside[:, None], fed, plans)

    def _edited(self, instances: Numbers, plans: Numbers, state: Any) -> tuple[Numbers, Flags, Any]:
        """Plans after the edits of one step, where an edited one was taken, and what the model carries."""
        written = plans
        for _ in range(self.edits):
            written, state = self._written(instances, written, state)
        if self.test:
            return *self._better(instances, plans, written), state
        return written, np.ones(len(plans), np.bool_), state

    def _written(self, instances: Numbers, plans: Numbers, state: Any) -> tuple[Numbers, Any]:
        """Plans after one edit, and what the model carries to the next."""
        states = self.mdp.initial(instances)._replace(plans=plans)
        observation = self.rules.observe(states, self.mdp.check(states))
        actions, state = self.model.predict(observation, state, deterministic=True)
        return self.task.edit(instances, plans, self.rules.read_actions(actions, len(instances))), state

    def _better(self, instances: Numbers, plans: Numbers, others: Numbers) -> tuple[Numbers, Flags]:
        """The acceptance test: other plans where they are feasible, and cheaper where the first ones are too."""
        one, two = (value(self.task, self.terminal, instances, some) for some in (plans, others))
        taken: Flags = two.feasible & (~one.feasible | (two.values < one.values))
        return np.where(taken[:, None], others, plans), taken
