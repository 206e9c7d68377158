"""Maze plan editing: the environments."""

from __future__ import annotations

from typing_extensions import Unpack

from trm_envs.episodes.by_keywords import ByKeywords
from trm_envs.maze.sources import MazeOptions, maze_source
from trm_envs.maze.task import MazeTask
from trm_envs.plan_edit.env import PlanEditEnv
from trm_envs.plan_edit.mdp import PlanEditMDP
from trm_envs.plan_edit.problem import (
    Problem,
    check_keywords,
    check_source_options,
    mdp_options,
    with_retry,
)
from trm_envs.plan_edit.vector_env import PlanEditVectorEnv


def maze_problem(size: int = 9, **options: Unpack[MazeOptions]) -> Problem:
    """The MDP and the instances that `MazePlanEditEnv` is built on; takes the same keywords.

    Raises:
        TypeError: an unknown keyword.
        ValueError: a value outside its range, a size that no pool has, or a bad maze.
    """
    check_keywords(options, MazeOptions)
    check_source_options(options)
    task = MazeTask(
        size,
        shortest=options.get("shortest", False),
        violation_weight=options.get("violation_weight", 2.0),
        dead_end_weight=options.get("dead_end_weight", 0.0),
    )
    return Problem(PlanEditMDP(task, **mdp_options(options)), with_retry(maze_source(size, options), options))


class MazePlanEditEnv(PlanEditEnv):
    """Mark one simple path from the start of a maze to its goal, cell by cell.

    ## Description
    A maze is an N x N grid of free cells, walls, a start and a goal; the grid's edge is a wall. The plan is a set of
    marked cells. An episode begins with the start and the goal marked; every action toggles one cell, so that paths
    can be laid from either end, joined, and taken back. The maze is solved when the marked cells are exactly one
    simple path from start to goal. A checker that knows local facts only, no distance to the goal, scores every plan
    and shapes the reward. Mazes come from frozen, hashed pools; train, validation and test share none, not even a
    rotated or reflected one or one with its ends swapped.

    Ids: `MazePlanEdit-5x5-v0`, `MazePlanEdit-9x9-v0`, `MazePlanEdit-15x15-v0`, `MazePlanEdit-31x31-v0`, and
    `MazePlanEdit-Hard30x30-v0`, in the shape of Maze-Hard (Wang et al. 2025, arXiv 2506.21734): scattered walls, and
    only a shortest path, of more than 110 cells, solves a maze, whichever it is. The state is (instance, plan, edits
    left) and fully observed; `env.unwrapped.mdp` is its deterministic transition function.

    ## Action Space
    `Discrete(N * N)`: action `row * N + column` marks that cell, or unmarks it if it is marked. Toggling a wall, the
    start or the goal is illegal: it changes nothing and still spends an edit. `stop_action` appends one action more.

    ## Observation Space
    `Dict` of

    | key | space | meaning |
    |---|---|---|
    | `instance` | `Box(0, 3, (N * N,), int8)` | 0 free, 1 wall, 2 start, 3 goal, row by row |
    | `plan` | `Box(0, 1, (N * N,), int8)` | 1 = marked |
    | `remaining_edits` | `Box(0, max_edits, (1,), int32)` | edits left |

    ## Rewards
    `r0 + gamma * score(s') - score(s)`, and on the last step of an episode `r0 - score(s)`. `r0` is +1 when the plan
    becomes solved, `-N * N` when the episode ends unsolved, else 0; with `shaping=False` the reward is `r0`. The score
    is the number of cells on the chain of marked cells grown from the start and on the one grown from the goal, minus
    `violation_weight` times the violations (marked cells with more than two marked neighbours, plus marked cells on
    neither chain), minus `dead_end_weight` times the dead ends. `MazeTask` defines all of these exactly.

    ## Episode End
    Terminates when the plan is solved (with `shortest=True`: by a path than which none is shorter), when `max_edits`
    edits are spent, or by a terminal stop action. Never truncates: the edits left are part of the state.

    ## Information
    `action_mask` (int8, one entry an action), `is_success`, `score`, `filled` (marked cells), `violations`,
    `dead_ends` (chains that no one marking continues), `invalid_action` (the last action was illegal).

    ## Arguments
    | keyword | default | meaning |
    |---|---|---|
    | `size` | 9 | side N |
    | `braid` | None | False: perfect mazes, True: mazes with loops, None: both, half and half |
    | `scattered` | False | True: walls scattered at random, with many paths, instead of corridors (N = 9, 15, 30) |
    | `shortest` | False | only a shortest path solves the maze |
    | `split` | `train` | pool that mazes come from: `train`, `validation` or `test` (N = 5, 7, 9, 11, 15, 31) |
    | `generate` | False | a new maze every episode, never one of a validation or test pool (N odd or `scattered`) |
    | `puzzles` | None | your own mazes: an array, text, or a file ([puzzles of your own](../puzzles.md)) |
    | `curriculum` | None | stages of training mazes, easy to hard: ranges of the length of a shortest path |
    | `retry` | 0 | probability that a training episode takes the maze that has waited longest of those failed |
    | `legal_actions` | `givens` | `consistent`: marking is legal only where it adds no violation, unmarking always |
    | `max_edits` | N * N | edit budget of an episode |
    | `gamma` | 0.99 | discount of the shaping |
    | `shaping` | True | potential-based shaping by the score |
    | `violation_weight` | 2 | weight of a violation in the score |
    | `dead_end_weight` | 0 | weight of a dead end in the score |
    | `stop_action` | None | `noop`: an action that only spends an edit; `terminal`: one that ends the episode |
    | `render_mode` | None | `ansi`, `rgb_array` or `human` |

    `reset(options={"puzzle": grid})` starts on a maze of your own, an array or a line of text. A vector environment
    also takes one maze for each sub-environment.

    A stage of `curriculum` is a range of the cells of a shortest path, both ends counted, None for no upper limit:
    `[(9, 13), (9, 21), (9, None)]` for N = 9, whose mazes begin at 9; the last stage here is all mazes, which is what
    `split="test"` asks for. The next stage begins when more than 80 % of the last 200 first tries (at least 100) were
    solved; then every tenth episode reviews the stage before. A failed maze waits for its `retry` until it is solved or
    was tried 6 times more. `env.unwrapped.source.progress` says how curriculum and retry queue stand. Both learn from
    episodes that end; one that is cut off, by a reset or a `TimeLimit`, teaches nothing, so shorten episodes with
    `max_edits` instead.

    ## Version History
    * v0: first version.
    """

    def __init__(self, size: int = 9, render_mode: str | None = None, **options: Unpack[MazeOptions]) -> None:
        super().__init__(*maze_problem(size, **options), render_mode)


class MazePlanEditVectorEnv(ByKeywords, PlanEditVectorEnv, problem=maze_problem):
    """B episodes of `MazePlanEditEnv` at once.

    It takes the same keywords, and `num_envs`, `autoreset_mode` and `max_episode_steps`.

    With `curriculum` or `retry` the episodes share one source of mazes.
    """
