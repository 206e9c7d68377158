"""Vector environments that are made by keywords, as a user makes them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gymnasium.vector import AutoresetMode


class ByKeywords:
    """A mixin: the constructor of the vector environment of a problem.

    `class MazePlanEditVectorEnv(ByKeywords, PlanEditVectorEnv, problem=maze_problem)` takes the keywords of
    `maze_problem`, and those of every vector environment.

    Args:
        num_envs: how many episodes B run at once.
        sizes: positional arguments of the problem, its size for one.
        render_mode, autoreset_mode, max_episode_steps: as in `EpisodeVectorEnv`.
        options: keywords of the problem, which names those that it does not know.
    """

    _problem: Callable[..., tuple[Any, ...]]
    """From keywords to what the environment is built on: an MDP, or rules, and where its instances come from."""

    def __init_subclass__(cls, problem: Callable[..., tuple[Any, ...]] | None = None, **keywords: Any) -> None:
        super().__init_subclass__(**keywords)
        if problem is not None:
            cls._problem = staticmethod(problem)

    def __init__(
        self,
        num_envs: int = 1,
        *sizes: Any,
        render_mode: str | None = None,
        autoreset_mode: str | AutoresetMode = AutoresetMode.NEXT_STEP,
        max_episode_steps: int | None = None,
        **options: Any,
    ) -> None:
        env: Any = super()
        env.__init__(num_envs, *self._problem(*sizes, **options), render_mode, autoreset_mode, max_episode_steps)
