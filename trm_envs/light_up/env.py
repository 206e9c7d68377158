"""Light Up plan editing: the environments."""

from __future__ import annotations

from typing_extensions import Unpack

from trm_envs.episodes.by_keywords import ByKeywords
from trm_envs.light_up.sources import LightUpOptions, light_up_source
from trm_envs.light_up.task import LightUpTask
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


def light_up_problem(size: int = 7, **options: Unpack[LightUpOptions]) -> Problem:
    """The MDP and the instances that `LightUpPlanEditEnv` is built on; takes the same keywords.

    Raises:
        TypeError: an unknown keyword.
        ValueError: a value outside its range, a size that no pool has, or a bad puzzle.
    """
    check_keywords(options, LightUpOptions)
    check_source_options(options)
    task = LightUpTask(
        size,
        violation_weight=options.get("violation_weight", 2.0),
        dead_end_weight=options.get("dead_end_weight", 5.0),
    )
    return Problem(PlanEditMDP(task, **mdp_options(options)), with_retry(light_up_source(size, options), options))


class LightUpPlanEditEnv(PlanEditEnv):
    """Place bulbs so that every open cell of a grid is lit, no bulb sees another and every number is met.

    ## Description
    Light Up, also called Akari, is played on an N x N grid of open cells and walls, some of which carry a number. A
    bulb lights its cell and all cells that it sees: up, down, left and right as far as the next wall. Every open cell
    must be lit, no bulb may see another one, and beside a number stand exactly that many bulbs. The plan is the set of
    bulbs; an episode begins without one. A cell without a bulb takes no edit: when everything is lit and every number
    is met, the plan is complete. Any solution counts, and the shipped and generated puzzles have exactly one, which no
    number can be spared for. A checker that knows the rules but no solution scores every plan and shapes the reward.
    Train, validation and test share no puzzle, not even a rotated or reflected one.

    Ids: `LightUpPlanEdit-7x7-v0`, `LightUpPlanEdit-10x10-v0`. The state is (instance, plan, edits left) and fully
    observed; `env.unwrapped.mdp` is its deterministic transition function.

    ## Action Space
    `Discrete(N * N)`: action `row * N + column` places a bulb in that cell, or takes it away. Toggling a wall is
    illegal: it changes nothing and still spends an edit. `stop_action` appends one action more.

    ## Observation Space
    `Dict` of

    | key | space | meaning |
    |---|---|---|
    | `instance` | `Box(0, 6, (N * N,), int8)` | 0 open, 1 wall, 2 to 6 a wall with the number 0 to 4, row by row |
    | `plan` | `Box(0, 1, (N * N,), int8)` | 1 = bulb |
    | `remaining_edits` | `Box(0, max_edits, (1,), int32)` | edits left |

    ## Rewards
    `r0 + gamma * score(s') - score(s)`, and on the last step of an episode `r0 - score(s)`. `r0` is +1 when the plan
    becomes solved, `-N * N` when the episode ends unsolved, else 0; with `shaping=False` the reward is `r0`. The score
    is the number of lit cells and met numbers, minus `violation_weight` times the violations (bulbs beyond the first
    in a run of cells between walls, and beyond a number), minus `dead_end_weight` times the dead ends (dark cells and
    numbers for which no further bulb can stand anywhere). `LightUpTask` defines all of these exactly.

    ## Episode End
    Terminates when the plan is solved, when `max_edits` edits are spent, or by a terminal stop action. Never
    truncates: the edits left are part of the state.

    ## Information
    `action_mask` (int8, one entry an action), `is_success`, `score`, `filled` (bulbs), `violations`, `dead_ends`,
    `invalid_action` (the last action was illegal).

    ## Arguments
    | keyword | default | meaning |
    |---|---|---|
    | `size` | 7 | side N |
    | `split` | `train` | `train`: a new puzzle every episode; `validation` or `test`: a shipped pool (N = 7, 10) |
    | `generate` | False | the same as `split="train"` |
    | `puzzles` | None | your own puzzles: an array, text, or a file ([puzzles of your own](../puzzles.md)) |
    | `curriculum` | None | stages of training puzzles, easy to hard: ranges of the cells that need a guess |
    | `retry` | 0 | probability that a training episode takes the puzzle that has waited longest of those failed |
    | `legal_actions` | `givens` | `consistent`: a bulb is legal only where it makes no violation; removal always |
    | `max_edits` | N * N | edit budget of an episode |
    | `gamma` | 0.99 | discount of the shaping |
    | `shaping` | True | potential-based shaping by the score |
    | `violation_weight` | 2 | weight of a violation in the score |
    | `dead_end_weight` | 5 | weight of a dead end in the score |
    | `stop_action` | None | `noop`: an action that only spends an edit; `terminal`: one that ends the episode |
    | `render_mode` | None | `ansi`, `rgb_array` or `human` |

    `reset(options={"puzzle": grid})` starts on a puzzle of your own, an array or a line of text: `.` open, `#` wall,
    `0` to `4` a wall with that number. A vector environment also takes one puzzle for each sub-environment.

    A stage of `curriculum` is a range of the open cells that forced cells leave undecided, both ends counted, None for
    no upper limit: `[(0, 0), (0, None)]` begins with the puzzles that need no guess. Cells are forced by numbers that
    have their bulbs or need all cells beside them, by bulbs in sight, and where one cell alone can light another.
    The next stage begins when more than 80 % of the last 200 first tries (at least 100) were solved; then every tenth
    episode reviews the stage before. A failed puzzle waits for its `retry` until it is solved or was tried 6 times
    more. `env.unwrapped.source.progress` says how curriculum and retry queue stand. Both learn from episodes that end;
    one that is cut off, by a reset or a `TimeLimit`, teaches nothing, so shorten episodes with `max_edits` instead.

    ## Version History
    * v0: first version.
    """

    def __init__(self, size: int = 7, render_mode: str | None = None, **options: Unpack[LightUpOptions]) -> None:
        super().__init__(*light_up_problem(size, **options), render_mode)


class LightUpPlanEditVectorEnv(ByKeywords, PlanEditVectorEnv, problem=light_up_problem):
    """B episodes of `LightUpPlanEditEnv` at once.

    It takes the same keywords, and `num_envs`, `autoreset_mode` and `max_episode_steps`.

    With `curriculum` or `retry` the episodes share one source of puzzles.
    """
