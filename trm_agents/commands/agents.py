"""Agents by name: `zoo:NAME`, or the file of a saved model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from trm_agents.trc import TRC
    from trm_agents.zoo.algorithms import Agent, PuzzleAgent
    from trm_envs.continuous.env import ControlEditEnv
    from trm_envs.plan_edit.env import PlanEditEnv

ATTEMPTS = 127
"""Further attempts at what a policy alone leaves unsolved, where an agent's card names none."""
ZOO = "zoo:"
"""What a name starts with where it stands for an agent that comes with the package."""
HELP = f"the file of a saved UPITRM, HindsightTRM, TRC, or actor-critic with a recursive policy, or {ZOO}NAME"


class About(NamedTuple):
    """An agent that is not loaded yet."""

    reference: str
    """What the user wrote."""
    env_id: str
    keywords: dict[str, Any]
    """Keywords of the environment: those of the card where its environment is the one asked for."""
    attempts: dict[str, Any]
    """Keywords of `Attempts` that the card was measured with, as JSON; empty where there is none."""


def about(reference: str, env_id: str | None) -> About:
    """What is known of an agent before its weights are read.

    Args:
        reference: `zoo:NAME` or a file.
        env_id: the environment asked for; None is that of the agent's card.

    Raises:
        ValueError: there is no such agent, or nothing tells its environment.
    """
    if reference.startswith(ZOO):
        from trm_agents import zoo

        card = zoo.card(reference.removeprefix(ZOO))
        keywords = card.env_kwargs if env_id in (None, card.env_id) else {}
        return About(reference, card.env_id if env_id is None else env_id, keywords, card.attempts)
    if not Path(reference).is_file():
        raise ValueError(f"there is no model file {reference}: name a file, or an agent of `trm zoo` as {ZOO}NAME")
    if env_id is None:
        raise ValueError(f"{reference} does not tell its environment: name it with --env ID")
    return About(reference, env_id, {}, {})


def path(reference: str) -> Path:
    """The file of an agent.

    Raises:
        ValueError: the zoo has no agent of this name, or another file of it.
    """
    from trm_agents import zoo

    return zoo.path(reference.removeprefix(ZOO)) if reference.startswith(ZOO) else Path(reference)


def is_system(env_id: str) -> bool:
    """Whether an id is that of an environment in which control plans are edited."""
    return env_id.rpartition(":")[2].startswith("ControlPlanEdit-")


def default(env_id: str) -> About:
    """The zoo's agent for an environment.

    Raises:
        ValueError: it has none.
    """
    from trm_agents import zoo

    cards = [zoo.card(name) for name in zoo.names()]
    for card in cards:
        if card.env_id == env_id:
            return about(f"{ZOO}{card.name}", env_id)
    known = ", ".join(sorted({card.env_id for card in cards}))
    raise ValueError(f"the zoo has no agent for {env_id}: name a model with --model FILE, or take one of {known}")


def load(agent: About, env: PlanEditEnv, trust: bool = False) -> PuzzleAgent:
    """The agent, ready to act in this environment.

    Args:
        agent: which.
        env: where it is to act.
        trust: run what the pickles of its file say.

    Raises:
        ValueError: the file holds no agent of this package, or one of other spaces.
    """
    from trm_agents.trc import TRC

    model = _loaded(agent, env, trust)
    if isinstance(model, TRC):
        raise ValueError(f"{agent.reference} edits control plans, not puzzles: watch it in its own environment")
    return model


def load_controller(agent: About, env: ControlEditEnv, trust: bool = False) -> TRC:
    """The agent that edits control plans, ready to act in this environment.

    Raises:
        ValueError: as `load`, or it edits puzzles.
    """
    from trm_agents.trc import TRC

    model = _loaded(agent, env, trust)
    if not isinstance(model, TRC):
        raise ValueError(f"{agent.reference} edits puzzles, not control plans: name one of its environments with --env")
    return model


def _loaded(agent: About, env: PlanEditEnv | ControlEditEnv, trust: bool) -> Agent:
    from trm_agents import zoo
    from trm_agents.zoo.algorithms import loaded

    if agent.reference.startswith(ZOO):
        return zoo.load(agent.reference.removeprefix(ZOO), env=env)
    try:
        return loaded(Path(agent.reference), env, trust=trust)
    except (KeyError, RuntimeError, AttributeError, ImportError) as error:
        raise ValueError(f"{agent.reference} cannot be loaded ({error}): train it anew with this version") from error
    except (AssertionError, TypeError, ValueError) as error:
        named = agent.reference in str(error)
        raise ValueError(str(error) if named else f"{agent.reference} cannot be loaded: {error}") from error
