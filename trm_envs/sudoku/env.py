"""Sudoku plan editing: the environments."""

from __future__ import annotations

from typing_extensions import Unpack

from trm_envs.episodes.by_keywords import ByKeywords
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
from trm_envs.sudoku.geometry import check_size
from trm_envs.sudoku.sources import SudokuOptions, puzzle_source
from trm_envs.sudoku.task import SudokuTask


def sudoku_problem(size: int = 9, **options: Unpack[SudokuOptions]) -> Problem:
    """The MDP and the instances that `SudokuPlanEditEnv` is built on; takes the same keywords.

    Raises:
        TypeError: an unknown keyword.
        ValueError: a value outside its range, a range of blanks that no pool has, or a bad puzzle.
    """
    check_keywords(options, SudokuOptions)
    check_source_options(options)
    size = check_size(size)
    task = SudokuTask(
        size,
        violation_weight=options.get("violation_weight", 2.0),
        dead_end_weight=options.get("dead_end_weight", 5.0),
        can_erase=options.get("allow_erase", False),
    )
    return Problem(PlanEditMDP(task, **mdp_options(options)), with_retry(puzzle_source(size, options), options))


class SudokuPlanEditEnv(PlanEditEnv):
    """Solve a Sudoku by editing a plan, guided by a checker that knows the rules but no solution.

    ## Description
    An episode starts on a puzzle with exactly one solution. The *plan* is a grid that starts as the givens; every step
    writes one digit into one cell of it, and a cell may be rewritten. The episode succeeds as soon as the grid is full
    and no row, column or box (of side sqrt(N)) repeats a digit, and fails when the edits run out.

    Ids: `SudokuPlanEdit-4x4-v0`, `SudokuPlanEdit-9x9-v0`, `SudokuPlanEdit-16x16-v0`, `SudokuPlanEdit-25x25-v0`. The
    state is (instance, plan, edits left) and fully observed; `env.unwrapped.mdp` is its deterministic transition
    function.

    ## Action Space
    `Discrete(N^3)`: action `cell * N + digit - 1` writes `digit` into `cell`, counted row by row from 0. `allow_erase`
    appends `N^2` actions that blank a cell, `stop_action` appends one action that edits nothing. An illegal action
    (`info["action_mask"]`, `env.unwrapped.action_masks()`) changes nothing and still spends an edit. Level `givens`
    locks the given cells; level `consistent` also forbids a digit that the cell's row, column or box already holds,
    which is a strong hint: name the level beside every result.

    ## Observation Space
    `Dict`, 0 = blank:

    | key               | space                              | meaning                    |
    |-------------------|------------------------------------|----------------------------|
    | `instance`        | `Box(0, N, (N^2,), int8)`          | the givens                 |
    | `plan`            | `Box(0, N, (N^2,), int8)`          | the grid as edited so far  |
    | `remaining_edits` | `Box(0, max_edits, (1,), int32)`   | edits left                 |

    `trm_envs.wrappers` has flat, one-hot, plane and image forms of the same facts.

    ## Rewards
    The checker scores a plan `c = filled - 2 * violations - 5 * dead_ends`: filled cells; digits minus distinct digits,
    summed over rows, columns and boxes; blank cells that no digit fits. With potential `Phi = c` the reward is
    `r0 + gamma * Phi(s') - Phi(s)`, and `r0 - Phi(s)` at the end, where `r0` is +1 for a solved plan, `-N^2` for an
    episode that ends unsolved, and 0 otherwise. `shaping=False` leaves `r0` alone.

    ## Episode End
    Terminated when the plan is solved, when the edits run out (edits left are part of the state, so this is a true
    end and not a truncation), or by a `terminal` stop action. Never truncated.

    ## Information
    Both `reset` and `step` return `action_mask` (int8, one entry an action), `is_success` (bool), `score` (float, c),
    `filled`, `violations`, `dead_ends` (int) and `invalid_action` (bool: the action just taken was not legal).

    ## Arguments
    - `size`: N, one of 4, 9, 16, 25. Set by the id.
    - `render_mode`: `"ansi"`, `"rgb_array"`, `"human"` or None.
    - `blanks`: inclusive range of blank cells, or `"minimal"` (no given can be spared; 4x4 and 9x9), or `"hard"` (9x9:
      minimal, and naked and hidden singles do not solve it; half of them hill-climbed to need more guesses).
      (6, 8), (49, 56), (90, 120) and (200, 250) by default.
    - `split`: `"train"` (default), `"validation"` or `"test"`: shipped pools, disjoint up to the puzzle's symmetries.
    - `puzzles`: own puzzles instead: an array, text, or a file in one of many forms
      ([puzzles of your own](../puzzles.md)); one that has no solution is refused.
    - `generate`: True makes a new puzzle with one solution every episode instead, never one that is symmetric to a
      shipped validation or test puzzle.
    - `curriculum`: None, or values of `blanks` from easy to hard that end in `blanks`, for training:
      `[(20, 30), (31, 48), (49, 56)]`. The next stage begins when more than 80 % of the last 200 first tries (at least
      100) were solved; then every tenth episode reviews the stage before.
    - `retry`: 0 (default), or the probability that a training episode takes the puzzle that has waited longest of those
      that were failed. A puzzle waits until it is solved or was tried 6 times more.
    - `legal_actions`: `"givens"` (default) or `"consistent"`.
    - `max_edits`: N^2 by default.
    - `gamma`: 0.99, the discount of the shaping; an agent should use the same.
    - `shaping`: True.
    - `violation_weight`, `dead_end_weight`: 2 and 5.
    - `allow_erase`: False. `stop_action`: None, `"noop"` (spends an edit) or `"terminal"` (ends the episode).

    `reset(options={"puzzle": grid})` starts on a puzzle of choice, an array or a line of text. A vector environment
    also takes one puzzle for each sub-environment.

    `env.unwrapped.source.progress` says how curriculum and retry queue stand. Both learn from episodes that end;
    one that is cut off, by a reset or a `TimeLimit`, teaches nothing, so shorten episodes with `max_edits` instead.

    ## Version History
    - v0: first version. The MDP is that of UPI-TRM (unrolled policy iteration with tiny recursive models, ICLR 2026
      workshop), with a unique solution for every puzzle and with the edit budget as part of the state.
    """

    def __init__(self, size: int = 9, render_mode: str | None = None, **options: Unpack[SudokuOptions]) -> None:
        super().__init__(*sudoku_problem(size, **options), render_mode)


class SudokuPlanEditVectorEnv(ByKeywords, PlanEditVectorEnv, problem=sudoku_problem):
    """B episodes of `SudokuPlanEditEnv` at once: `gym.make_vec(id, num_envs=B, autoreset_mode=...)`.

    Equal to `SyncVectorEnv` over the single environments bit for bit, and faster. With `curriculum` or `retry` the
    episodes share one source of puzzles, where single environments would each learn alone. Takes the same
    keywords, and:

    Args:
        num_envs: B.
        size: N, one of 4, 9, 16, 25.
        render_mode: `ansi`, `rgb_array` or None.
        autoreset_mode: when an ended episode is replaced: `AutoresetMode.NEXT_STEP`, `SAME_STEP` or `DISABLED`.
        max_episode_steps: steps after which an episode is truncated; None: never.
        **options: the keywords of `SudokuPlanEditEnv`.
    """
