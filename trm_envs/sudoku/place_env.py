"""Placing digits into a Sudoku: keywords and environments."""

from __future__ import annotations

from typing import cast

from typing_extensions import Unpack

from trm_envs.episodes.by_keywords import ByKeywords
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
from trm_envs.plan_edit.vector_env import PlanEditVectorEnv
from trm_envs.sudoku.geometry import check_size
from trm_envs.sudoku.place import SudokuPlaceTask
from trm_envs.sudoku.sources import BlanksOptions, puzzle_source


def place_problem(size: int = 9, **options: Unpack[BlanksOptions]) -> Problem:
    """The MDP and the instances that `SudokuPlaceEnv` is built on; takes the same keywords.

    Raises:
        TypeError: an unknown keyword.
        ValueError: a value outside its range, a range of blanks that no pool has, or a bad puzzle.
    """
    check_keywords(options, BlanksOptions)
    check_source_options(options)
    size = check_size(size)
    task = SudokuPlaceTask(size)
    share = 1.0 / task.n_cells
    own = cast(ProblemOptions, {"shaping": False, "legal_actions": "consistent", **options})
    mdp = PlanEditMDP(task, rewards=Rewards(edit=share, illegal=-share), **mdp_options(own))
    return Problem(mdp, with_retry(puzzle_source(size, options), options))


class SudokuPlaceEnv(PlanEditEnv):
    """Place digits into a Sudoku, one after the other; none can be taken back.

    ## Description
    An episode starts on a puzzle with exactly one solution; every step places one digit into a blank cell. The episode
    succeeds when the grid is full and no row, column or box (of side sqrt(N)) repeats a digit: any such grid counts.
    It fails at a dead end, when a digit is repeated or some blank cell has no digit left that fits, and when the
    placements are used up.

    Ids: `SudokuPlace-4x4-v0`, `SudokuPlace-9x9-v0`. The state is (instance, plan, placements left) and fully observed;
    `env.unwrapped.mdp` is its deterministic transition function. `SudokuPlanEdit-*` are the ids in which digits may be
    overwritten.

    ## Action Space
    `Discrete(N^3)`: action `cell * N + digit - 1` places `digit` into `cell`, counted row by row from 0. `stop_action`
    appends one action that places nothing. An illegal placement (`info["action_mask"]`,
    `env.unwrapped.action_masks()`) changes nothing and is spent. A cell that is not blank is illegal at both levels. At
    level `consistent`, the default, so is a digit that the cell's row, column or box already holds; the mask then is
    a strong hint: on 4x4 grids with 6 to 8 blanks it solves most puzzles by itself. At level `givens` such a digit is
    placed, and ends the episode as a dead end. Name the level beside every result.

    ## Observation Space
    `Dict`, 0 = blank:

    | key               | space                              | meaning                    |
    |-------------------|------------------------------------|----------------------------|
    | `instance`        | `Box(0, N, (N^2,), int8)`          | the givens                 |
    | `plan`            | `Box(0, N, (N^2,), int8)`          | the grid as it stands      |
    | `remaining_edits` | `Box(0, max_edits, (1,), int32)`   | placements left            |

    ## Rewards
    `1 / N^2` for a legal placement and `-1 / N^2` for an illegal one; +1 more when the puzzle is solved, and -1 more
    when the episode ends unsolved. With `shaping=True` the potential of `SudokuPlanEdit-*`, over N^2, is added.

    ## Episode End
    Terminated when the puzzle is solved, at a dead end, when the placements are used up, or by a terminal stop action.
    Never truncated: the placements left are part of the state.

    ## Information
    `action_mask` (int8, one entry an action), `is_success` (bool), `score` (float, that of `SudokuPlanEdit-*` over
    N^2), `filled`, `violations`, `dead_ends` (int) and `invalid_action` (bool: the placement just tried was not legal).

    ## Arguments
    `size` (4, 9 or 16; set by the id), `render_mode`, `blanks`, `split`, `puzzles`, `generate`, `curriculum`, `retry`,
    `gamma` and `stop_action` are those of `SudokuPlanEdit-*`. `legal_actions` is `"consistent"` by default, `shaping`
    False, `max_edits` N^2.

    ## Version History
    - v0: first version.
    """

    def __init__(self, size: int = 9, render_mode: str | None = None, **options: Unpack[BlanksOptions]) -> None:
        super().__init__(*place_problem(size, **options), render_mode)


class SudokuPlaceVectorEnv(ByKeywords, PlanEditVectorEnv, problem=place_problem):
    """B episodes of `SudokuPlaceEnv` at once.

    It takes the same keywords, and `num_envs`, `autoreset_mode` and `max_episode_steps`.

    With `curriculum` or `retry` the episodes share one source of puzzles.
    """
