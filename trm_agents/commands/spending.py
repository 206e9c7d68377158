"""Puzzles solved by an agent, alone or with more test-time compute, and what that has cost."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from trm_agents.commands.agents import ATTEMPTS, About
from trm_agents.commands.puzzles import Puzzles, line
from trm_envs.plan_edit.mdp import PlanEditMDP
from trm_envs.plan_edit.spaces import observe
from trm_envs.plan_edit.task import Grids

if TYPE_CHECKING:
    from trm_agents.solving import Attempts, Solutions
    from trm_agents.zoo.algorithms import PuzzleAgent

COSTS = {"edits": "edits", "calls": "network_calls", "inner_steps": "inner_steps", "checks": "checks"}
"""Fields of `Solutions` that count, and what they are called in JSON, as in rows of the benchmark."""
WORDS = {
    "edits": ("edit", "edits"),
    "network_calls": ("network call", "network calls"),
    "inner_steps": ("inner step", "inner steps"),
    "checks": ("check", "checks"),
}
BUDGETS = ("starts", "attempts", "search", "views")
"""Options of what is spent on a puzzle beyond the policy's edits; at most one of them is given."""
BATCH = 512
"""Puzzles that the policy edits at once; bounds memory."""


def spend(
    model: PuzzleAgent,
    agent: About,
    puzzles: Puzzles,
    attempts: int | None = None,
    search: int | None = None,
    views: int | None = None,
    starts: int | None = None,
) -> Solutions:
    """Solve puzzles by the policy alone, by attempts, by search or by views.

    Args:
        model: what acts.
        agent: where it is from: attempts are made as its card says, or as the presets of its environment do.
        puzzles: what is solved.
        attempts: further attempts a puzzle at most; None or 0: none.
        search: network calls of a search a puzzle at most; None: no search.
        views: symmetric copies of each state that the network sees; None: the state itself alone.
        starts: passes that the policy takes before its first edit at most; 0: one an edit; None: as the model has it.

    Raises:
        ValueError: one of them is asked of an agent that decodes no plans, or views of one for which all are equal.
    """
    from trm_agents import presets
    from trm_agents.solving import BestFirst, Views
    from trm_agents.solving.starts import started

    if views:
        return Views(model, views, mdp=puzzles.mdp).solve(puzzles.instances)
    if search:
        return BestFirst(model, calls=search, mdp=puzzles.mdp).solve(puzzles.instances)
    if attempts:
        return attempts_of(model, agent, puzzles.mdp, attempts).solve(puzzles.instances)
    if starts is None:
        return policy_alone(model, puzzles.mdp, puzzles.instances)
    with started(model, presets.starts(agent.env_id, starts) if starts else None):
        return policy_alone(model, puzzles.mdp, puzzles.instances)


def budgets(options: Any) -> dict[str, int | None]:
    """What options say of `BUDGETS`, as keywords of `spend`."""
    return {name: getattr(options, name) for name in BUDGETS}


def attempts_of(model: PuzzleAgent, agent: About, mdp: PlanEditMDP, attempts: int) -> Attempts:
    """The solver that makes so many further attempts, as the agent's card or the presets of its environment say.

    Raises:
        ValueError: the model decodes no plans.
    """
    from trm_agents import presets
    from trm_agents.hindsight import HindsightTRM
    from trm_agents.solving import Attempts

    # Others than those that the presets are of keep to the depth that they were trained at.
    usual = presets.attempts(agent.env_id) if isinstance(model, HindsightTRM) else {}
    chosen = presets.solver_keywords(agent.attempts) if agent.attempts else usual
    return Attempts(model, **{**chosen, "attempts": attempts, "mdp": mdp})


def spend_as_needed(model: PuzzleAgent, agent: About, puzzles: Puzzles) -> Solutions:
    """Solve puzzles by the attempts of the agent's card, or by the policy, and what that leaves by `ATTEMPTS` attempts.

    Costs of a puzzle that needs both add up. A policy that decodes no plans makes no attempts.
    """
    if agent.attempts:
        return spend(model, agent, puzzles, int(agent.attempts["attempts"]))
    found = policy_alone(model, puzzles.mdp, puzzles.instances)
    left = np.flatnonzero(~found.solved)
    if not len(left) or not hasattr(model.policy, "decoder"):
        return found
    more = spend(model, agent, puzzles._replace(instances=puzzles.instances[left]), ATTEMPTS)
    found.plans[left], found.solved[left], found.edits[left] = more.plans, more.solved, more.edits
    for name in ("calls", "inner_steps", "checks"):
        getattr(found, name)[left] += getattr(more, name)
    return found


def spent_by(model: PuzzleAgent, options: Any) -> dict[str, int]:
    """What is spent on a puzzle at most, `BUDGETS`: what options say, and the starts that a model has by itself."""
    asked = {name: budget or 0 for name, budget in budgets(options).items()}
    if options.starts is None and not (options.search or options.views):
        own = getattr(model.policy, "starts", None)
        asked["starts"] = 0 if own is None else own.most
    return asked


def solver_name(starts: int, attempts: int, search: int, views: int) -> str:
    """What `spend` does, in words."""
    if views:
        return f"the policy with {views} views of each state"
    if search:
        return f"best-first search of at most {search} network calls"
    settled = f"the policy with at most {starts} starts" if starts else ""
    if attempts:
        return " and ".join(filter(None, (settled, f"at most {attempts} further attempts")))
    return settled or "the policy alone"


def policy_alone(model: PuzzleAgent, mdp: PlanEditMDP, instances: Grids) -> Solutions:
    """One greedy episode an instance, one pass of the network an edit, or as many as the policy's `starts` take.

    `checks` are 0: the policy asks for none before it edits. `edits` are those made, the whole budget where they end
    unsolved.

    Args:
        model: acts in this MDP.
        mdp: transitions and the end of an episode.
        instances: shape (n, n_cells), int8, n >= 1.
    """
    from trm_agents.solving import Solutions

    parts = [_episodes(model, mdp, instances[at : at + BATCH]) for at in range(0, len(instances), BATCH)]
    return Solutions(*(np.concatenate(fields) for fields in zip(*parts, strict=True)))


def _episodes(model: PuzzleAgent, mdp: PlanEditMDP, instances: Grids) -> Solutions:
    """The fields of one batch; episodes that have ended leave it."""
    from trm_agents.recursive_policies import masks_for
    from trm_agents.solving import Solutions

    states, alive = mdp.initial(instances), np.arange(len(instances))
    plans, solved = states.plans.copy(), mdp.check(states).solved.copy()
    edits, calls, steps = np.zeros((3, len(instances)), np.int64)
    policy: Any = model.policy
    unroll, carry_unroll = policy.unroll, getattr(policy, "carry_unroll", None)
    latents: Any = None
    while len(alive):
        first = latents is None
        starts = np.full(len(alive), first)
        masks: Any = masks_for(policy, mdp, states)
        actions, latents = model.predict(observe(states), latents, starts, deterministic=True, **masks)
        edits[alive] += 1
        spent = getattr(policy, "spent", None)
        calls[alive] += 1 if spent is None else spent.calls
        usual = unroll if first or carry_unroll is None else carry_unroll
        steps[alive] += usual if spent is None else spent.inner_steps
        transition = mdp.transition(states, actions)
        plans[alive], solved[alive] = transition.successors.plans, transition.checks.solved
        going = np.flatnonzero(~transition.terminated)
        alive, states = alive[going], transition.successors.at(going)
        latents = () if latents is None else tuple(latent[going] for latent in latents)
    return Solutions(plans, solved, edits, calls, steps, np.zeros_like(edits))


def solution(mdp: PlanEditMDP, instance: NDArray[np.int8], found: Solutions, row: int) -> dict[str, Any]:
    """One puzzle, shape (n_cells,): its text, its solution's text or None, and the costs."""
    task, solved = mdp.task, bool(found.solved[row])
    first = task.initial_plans(instance[None])[0]
    plan = line(task.view(instance, found.plans[row])) if solved else None
    costs = {name: int(getattr(found, field)[row]) for field, name in COSTS.items()}
    return {"puzzle": line(task.view(instance, first)), "solved": solved, "plan": plan, **costs}


def counted(number: float, one: str, many: str) -> str:
    """`1 edit`, `2 edits`, `2.5 edits`."""
    text = f"{number:,.1f}".removesuffix(".0")
    return f"{text} {one if text == '1' else many}"


def cost_text(costs: dict[str, Any]) -> str:
    """Costs in words: `51 edits, 3 network calls, 360 inner steps, 3 checks`."""
    return ", ".join(counted(costs[name], *WORDS[name]) for name in COSTS.values())
