"""Walking through mazes: keywords, sources and environments."""

from __future__ import annotations

from typing import Any, Literal, cast, get_args

import numpy as np
from typing_extensions import Unpack

from trm_envs.episodes.by_keywords import ByKeywords
from trm_envs.instances.adaptive import Curriculum
from trm_envs.instances.numbers import number
from trm_envs.instances.ranges import ranges
from trm_envs.instances.sources import InstancePool, InstanceSource
from trm_envs.maze.ends import AnyEnds
from trm_envs.maze.sources import PATH_LENGTH, BraidOptions, maze_source
from trm_envs.maze.symmetry import wall_keys
from trm_envs.maze.text import read_mazes
from trm_envs.maze.walk import WalkTask, open_maze
from trm_envs.plan_edit.env import PlanEditEnv
from trm_envs.plan_edit.mdp import PlanEditMDP, Rewards
from trm_envs.plan_edit.problem import (
    Problem,
    ProblemOptions,
    check_keywords,
    check_source_options,
    mdp_options,
    with_retry,
)
from trm_envs.plan_edit.task import MOST_WEIGHT
from trm_envs.plan_edit.vector_env import PlanEditVectorEnv

Ends = Literal["pool", "any"]

DENSE = Rewards(success=10.0, edit=-0.01, illegal=-0.5, progress=0.2)
"""A reward in every step of the open maze."""
DENSE_EDITS = 51
"""Moves of an episode with these rewards."""


class EndsOptions(ProblemOptions, total=False):
    """Keywords of all environments that walk."""

    ends: Ends
    """`pool` (default): start and goal as the maze has them; `any`: both are drawn anew in every episode."""
    step_cost: float
    """What a move costs, 0 by default."""
    bump_cost: float
    """What a move into a wall costs beside it, 0 by default."""


class WalkOptions(EndsOptions, BraidOptions, total=False):
    """Keywords of `MazeWalkEnv`."""


class OpenWalkOptions(EndsOptions, total=False):
    """Keywords of `OpenMazeWalkEnv`."""

    dense_rewards: bool
    """Rewards for each step towards the goal; False by default."""


def walk_problem(size: int = 9, **options: Unpack[WalkOptions]) -> Problem:
    """The MDP and the instances that `MazeWalkEnv` is built on; takes the same keywords.

    Raises:
        TypeError: an unknown keyword.
        ValueError: a value outside its range, a size that no pool has, or a bad maze.
    """
    check_keywords(options, WalkOptions)
    check_source_options(options)
    return Problem(_mdp(size, options, _costs(options)), with_retry(_walls_apart(size, options), options))


def open_walk_problem(size: int = 5, **options: Unpack[OpenWalkOptions]) -> Problem:
    """The MDP and the one instance that `OpenMazeWalkEnv` is built on; takes the same keywords.

    Raises:
        TypeError: an unknown keyword.
        ValueError: a value outside its range, or a bad maze.
    """
    check_keywords(options, OpenWalkOptions)
    check_source_options(options)
    if options.get("generate") or options.get("curriculum") is not None:
        raise ValueError("there is one open maze: leave out generate and curriculum")
    mazes = open_maze(size) if options.get("puzzles") is None else read_mazes(options["puzzles"], size, 2)
    source = _with_ends(InstancePool(mazes), size, options)
    if not options.get("dense_rewards"):
        return Problem(_mdp(size, options, _costs(options)), with_retry(source, options))
    if "step_cost" in options or "bump_cost" in options:
        raise ValueError("dense_rewards has costs of its own: leave out step_cost and bump_cost")
    dense = cast(OpenWalkOptions, {"max_edits": DENSE_EDITS, **options})
    return Problem(_mdp(size, dense, DENSE), with_retry(source, options))


def _mdp(size: int, options: EndsOptions, rewards: Rewards) -> PlanEditMDP:
    return PlanEditMDP(WalkTask(size), rewards=rewards, **{"shaping": False, **mdp_options(options)})


def _costs(options: EndsOptions) -> Rewards:
    """Success is worth 1, and moves cost what the keywords say."""
    step, bump = (number(key, options.get(key, 0.0), 0.0, MOST_WEIGHT) for key in ("step_cost", "bump_cost"))
    return Rewards(edit=-step, illegal=-step - bump)


def _walls_apart(size: int, options: WalkOptions) -> InstanceSource:
    """Mazes whose splits share no walls, with their own ends or others."""
    _check_ends(options)
    if options.get("ends", "pool") == "pool" or options.get("curriculum") is None:
        return _with_ends(maze_source(size, options, keys=wall_keys, least=2), size, options)
    plain = cast(WalkOptions, {key: value for key, value in options.items() if key != "curriculum"})
    mazes = maze_source(size, plain, keys=wall_keys, least=2)
    stages = [AnyEnds(mazes, size, lengths) for lengths in ranges(options["curriculum"], PATH_LENGTH)]
    for stage in stages:
        # A stage without a maze is named at once, not in its first episode.
        stage.sample(np.random.default_rng(0))
    return Curriculum(stages)


def _with_ends(source: InstanceSource, size: int, options: EndsOptions) -> InstanceSource:
    """The source, or its mazes with other ends."""
    _check_ends(options)
    return AnyEnds(source, size) if options.get("ends", "pool") == "any" else source


def _check_ends(options: EndsOptions) -> None:
    ends: Any = options.get("ends", "pool")
    if ends not in get_args(Ends):
        raise ValueError(f"ends must be one of {get_args(Ends)}, got {ends!r}")


class MazeWalkEnv(PlanEditEnv):
    """Walk from the start of a maze to its goal.

    ## Description
    A maze is an N x N grid of free cells, walls, a start and a goal; the grid's edge is a wall. The agent begins on the
    start and moves from cell to cell. The whole maze is observed. The episode succeeds when the agent reaches the goal
    and fails when its moves are used up. The plan of this plan-editing environment is where the agent stands, and an
    edit is a move.

    Ids: `MazeWalk-5x5-v0`, `MazeWalk-7x7-v0`, `MazeWalk-9x9-v0`, `MazeWalk-11x11-v0`, `MazeWalk-15x15-v0`. The state is
    (instance, plan, moves left) and fully observed; `env.unwrapped.mdp` is its deterministic transition function.

    **Splits.** Mazes come from the frozen, hashed pools of the maze environments, dealt by their walls alone: train,
    validation and test share no walls, not even turned or reflected ones. So start and goal may be drawn anew in
    training (`ends="any"`), and held-out walls stay held out. The 5x5 pools have only 16 different walls in train,
    3 in validation and 2 in test: a toy.

    ## Action Space
    `Discrete(4)`: 0 up, 1 down, 2 left, 3 right. A move into a wall or out of the grid is illegal
    (`info["action_mask"]`, `env.unwrapped.action_masks()`): the agent stays, and the move is spent. Both levels of
    legal actions say the same. `stop_action` appends one action more.

    ## Observation Space
    `Dict` of

    | key | space | meaning |
    |---|---|---|
    | `instance` | `Box(0, 3, (N * N,), int8)` | 0 free, 1 wall, 2 start, 3 goal, row by row |
    | `plan` | `Box(0, 1, (N * N,), int8)` | 1 = the agent |
    | `remaining_edits` | `Box(0, max_edits, (1,), int32)` | moves left |

    `trm_envs.wrappers` has flat, one-hot, plane and image forms of the same facts, and adds the previous action.

    ## Rewards
    +1 at the goal. A move costs `step_cost`, and a move into a wall `bump_cost` more; both are 0 by default, and
    failing costs 0. With `shaping=True`, `gamma * score(s') - score(s)` is added, and `-score(s)` on the last move of
    an episode, where the score is minus the Manhattan distance to the goal: it sees no walls, and leads into dead ends.

    ## Episode End
    Terminates at the goal, when `max_edits` moves are spent, or by a terminal stop action. Never truncates: the moves
    left are part of the state.

    ## Information
    `action_mask` (int8, one entry an action), `is_success`, `score` (minus the Manhattan distance), `filled` (1),
    `violations` and `dead_ends` (0), `invalid_action` (the last move was illegal).

    ## Arguments
    | keyword | default | meaning |
    |---|---|---|
    | `size` | 9 | side N |
    | `braid` | None | False: perfect mazes, True: mazes with loops, None: both, half and half |
    | `scattered` | False | True: walls scattered at random instead of corridors (N = 9, 15, 30) |
    | `ends` | `pool` | start and goal as the maze has them, N cells apart or more; `any`: any two cells, drawn anew |
    | `split` | `train` | which walls: `train`, `validation` or `test` (N = 5, 7, 9, 11, 15, 31) |
    | `generate` | False | a new maze every episode, with training walls (N odd, at least 5) |
    | `puzzles` | None | your own mazes: an array, text, or a file ([puzzles of your own](../puzzles.md)) |
    | `curriculum` | None | stages of training mazes, easy to hard: ranges of the length of a shortest path |
    | `retry` | 0 | probability that a training episode takes the maze that has waited longest of those failed |
    | `step_cost` | 0 | what a move costs |
    | `bump_cost` | 0 | what a move into a wall costs beside it |
    | `shaping` | False | potential-based shaping by the score |
    | `gamma` | 0.99 | discount of the shaping |
    | `max_edits` | N * N | moves of an episode |
    | `legal_actions` | `givens` | `givens` and `consistent` say the same here |
    | `stop_action` | None | `noop`: an action that only spends a move; `terminal`: one that ends the episode |
    | `render_mode` | None | `ansi`, `rgb_array` or `human` |

    `ends`, `curriculum` and `retry` are for training: the benchmark scores every maze of a split with its own ends.
    With `ends="any"` a stage of `curriculum` is a range of path lengths from 2 on, `[(2, 4), (2, 9), (2, None)]`,
    within which start and goal are drawn. `reset(options={"puzzle": grid})` starts on a maze of your own.

    ## Version History
    * v0: first version.
    """

    def __init__(self, size: int = 9, render_mode: str | None = None, **options: Unpack[WalkOptions]) -> None:
        super().__init__(*walk_problem(size, **options), render_mode)


class MazeWalkVectorEnv(ByKeywords, PlanEditVectorEnv, problem=walk_problem):
    """B episodes of `MazeWalkEnv` at once.

    It takes the same keywords, and `num_envs`, `autoreset_mode` and `max_episode_steps`.

    With `curriculum` or `retry` the episodes share one source of mazes.
    """


class OpenMazeWalkEnv(PlanEditEnv):
    """Walk from one corner of an empty grid to the opposite one.

    ## Description
    The maze of `MazeWalk-*` without a wall: the agent begins in the first cell of an N x N grid, and the goal is the
    last. `split` changes nothing, since there is one maze. The id `OpenMazeWalk-5x5-v0` is a first test of policies,
    and no more than that: its answer is the same in every episode. `ends="any"` draws start and goal anew, so that the
    policy has to look.

    ## Action Space
    `Discrete(4)`: 0 up, 1 down, 2 left, 3 right. A move out of the grid is illegal: the agent stays, and the move is
    spent.

    ## Observation Space
    `Dict` of

    | key | space | meaning |
    |---|---|---|
    | `instance` | `Box(0, 3, (N * N,), int8)` | 0 free, 2 start, 3 goal, row by row |
    | `plan` | `Box(0, 1, (N * N,), int8)` | 1 = the agent |
    | `remaining_edits` | `Box(0, max_edits, (1,), int32)` | moves left |

    ## Rewards
    As in `MazeWalk-*`: +1 at the goal, minus `step_cost` and `bump_cost`.

    With `dense_rewards=True`: -0.01 a move, +0.2 for each step that the Manhattan distance to the goal falls by (and
    -0.2 where it rises), +10 at the goal, -0.5 in place of all that for a move out of the grid, 51 moves. The best
    return, not discounted, is 8 * (0.2 - 0.01) + 10 = 11.52. A policy that is blind, and goes down or right by the toss
    of a coin, reaches the goal in all but one of 5e10 episodes, with a return of 10.43 in the mean and of more than 5
    in 99.85 % of them. So a high success rate says nothing here; the greedy policy's return does.

    ## Episode End
    Terminates at the goal, or when `max_edits` moves are spent. Never truncates.

    ## Information
    As in `MazeWalk-*`.

    ## Arguments
    | keyword | default | meaning |
    |---|---|---|
    | `size` | 5 | side N |
    | `ends` | `pool` | from corner to corner; `any`: any two cells, drawn anew in every episode |
    | `dense_rewards` | False | the rewards above |
    | `step_cost` | 0 | what a move costs |
    | `bump_cost` | 0 | what a move out of the grid costs beside it |
    | `shaping` | False | potential-based shaping by minus the Manhattan distance |
    | `gamma` | 0.99 | discount of the shaping |
    | `max_edits` | N * N, or 51 | moves of an episode |
    | `split`, `retry`, `puzzles`, `legal_actions`, `stop_action` | | as in `MazeWalk-*` |
    | `render_mode` | None | `ansi`, `rgb_array` or `human` |

    ## Version History
    * v0: first version.
    """

    def __init__(self, size: int = 5, render_mode: str | None = None, **options: Unpack[OpenWalkOptions]) -> None:
        super().__init__(*open_walk_problem(size, **options), render_mode)


class OpenMazeWalkVectorEnv(ByKeywords, PlanEditVectorEnv, problem=open_walk_problem):
    """B episodes of `OpenMazeWalkEnv` at once.

    It takes the same keywords, and `num_envs`, `autoreset_mode` and `max_episode_steps`.
    """
