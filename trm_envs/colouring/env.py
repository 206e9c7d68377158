"""Graph colouring plan editing: the environments."""

from __future__ import annotations

from typing_extensions import Unpack

from trm_envs.colouring.sources import ColouringOptions, colouring_source
from trm_envs.colouring.task import GraphColouringTask
from trm_envs.episodes.by_keywords import ByKeywords
from trm_envs.plan_edit.env import PlanEditEnv
from trm_envs.plan_edit.mdp import PlanEditMDP
from trm_envs.plan_edit.problem import Problem, check_keywords, check_source_options, mdp_options, with_retry
from trm_envs.plan_edit.vector_env import PlanEditVectorEnv

EDITS_A_VERTEX = 2
"""Edit budget by default: every vertex needs a colour, so that with one edit each no mistake could be mended."""


def colouring_problem(size: int = 20, colours: int = 3, **options: Unpack[ColouringOptions]) -> Problem:
    """The MDP and the instances that `GraphColouringPlanEditEnv` is built on; takes the same keywords.

    Raises:
        TypeError: an unknown keyword.
        ValueError: a value outside its range, numbers that no pool has, or a bad graph.
    """
    check_keywords(options, ColouringOptions)
    check_source_options(options)
    task = GraphColouringTask(
        size,
        colours,
        violation_weight=options.get("violation_weight", 2.0),
        dead_end_weight=options.get("dead_end_weight", 5.0),
    )
    budget = options.get("max_edits")
    edits = EDITS_A_VERTEX * size if budget is None else budget
    mdp = PlanEditMDP(task, **{**mdp_options(options), "max_edits": edits})
    return Problem(mdp, with_retry(colouring_source(size, colours, options), options))


class GraphColouringPlanEditEnv(PlanEditEnv):
    """Give every vertex of a graph one of k colours so that no edge joins two vertices of one colour.

    ## Description
    The instance is a graph with n vertices, another one in every episode, and which vertices bear on each other is told
    by it alone. The plan is a colour for each vertex; an episode begins without colours. The colours are names: every
    renaming of a solution is one too. Any solution counts. A checker that knows the edges but no solution scores every
    plan and shapes the reward.

    Graphs are drawn with 0.8 to 0.9 times as many edges as random graphs can have and still be coloured, near the
    threshold where colouring is hard. With `kind="random"` edges fall anywhere, and graphs for which no colouring is
    found are left out; with `kind="planted"` a colouring is hidden first, and edges join its classes. Train, validation
    and test share no graph, not even with its vertices in another order.

    Ids: `GraphColouringPlanEdit-20-k3-v0`, `GraphColouringPlanEdit-50-k4-v0`, `GraphColouringPlanEdit-100-k5-v0`. The
    state is (instance, plan, edits left) and fully observed; `env.unwrapped.mdp` is its deterministic transition
    function.

    ## Action Space
    `Discrete(n * k)`: action `vertex * k + colour - 1` gives a vertex a colour, in place of one that it has.
    `stop_action` appends one action more.

    ## Observation Space
    `Dict` of

    | key | space | meaning |
    |---|---|---|
    | `instance` | `Box(0, 1, (n * n,), int8)` | the adjacency matrix, row by row |
    | `plan` | `Box(0, k, (n,), int8)` | the colour 1 to k of each vertex, 0 = none |
    | `remaining_edits` | `Box(0, max_edits, (1,), int32)` | edits left |

    ## Rewards
    `r0 + gamma * score(s') - score(s)`, and on the last step of an episode `r0 - score(s)`. `r0` is +1 when the plan
    becomes solved, `-n` when the episode ends unsolved, else 0; with `shaping=False` the reward is `r0`. The score is
    the number of coloured vertices, minus `violation_weight` times the conflicts (edges that join two vertices of one
    colour), minus `dead_end_weight` times the dead ends (vertices without a colour among whose neighbours all colours
    occur).

    ## Episode End
    Terminates when the plan is solved, when `max_edits` edits are spent, or by a terminal stop action. Never
    truncates: the edits left are part of the state.

    ## Information
    `action_mask` (int8, one entry an action), `is_success`, `score`, `filled` (coloured vertices), `violations`
    (conflicts), `dead_ends`, `invalid_action` (the last action was illegal).

    ## Arguments
    | keyword | default | meaning |
    |---|---|---|
    | `size` | 20 | vertices n |
    | `colours` | 3 | k, up to 9; 3 and more where graphs are generated |
    | `kind` | `random` | `planted`: a colouring is hidden in every graph |
    | `split` | `train` | `train`: a new graph every episode; `validation` or `test`: a shipped pool |
    | `generate` | False | the same as `split="train"` |
    | `puzzles` | None | your own graphs: DIMACS, graph6, or adjacency matrices ([puzzles of your own](../puzzles.md)) |
    | `curriculum` | None | stages of training graphs, easy to hard: ranges of the number of edges |
    | `retry` | 0 | probability that a training episode takes the graph that has waited longest of those failed |
    | `legal_actions` | `givens` | all edits; `consistent`: a colour is legal only where no neighbour has it |
    | `max_edits` | 2 n | edit budget of an episode; every vertex takes an edit, and the others mend |
    | `gamma` | 0.99 | discount of the shaping |
    | `shaping` | True | potential-based shaping by the score |
    | `violation_weight` | 2 | weight of a conflict in the score |
    | `dead_end_weight` | 5 | weight of a dead end in the score |
    | `stop_action` | None | `noop`: an action that only spends an edit; `terminal`: one that ends the episode |
    | `render_mode` | None | `ansi`, `rgb_array` or `human` |

    `reset(options={"puzzle": matrix})` starts on a graph of your own: an adjacency matrix of 0 and 1, an array or text.

    A stage of `curriculum` is a range of the number of edges, both ends counted; None stands for the usual upper limit.
    The next stage begins when more than 80 % of the last 200 first tries (at least 100) were solved; then every tenth
    episode reviews the stage before. A failed graph waits for its `retry` until it is solved or was tried 6 times more.

    ## Version History
    * v0: first version.
    """

    def __init__(
        self, size: int = 20, colours: int = 3, render_mode: str | None = None, **options: Unpack[ColouringOptions]
    ) -> None:
        super().__init__(*colouring_problem(size, colours, **options), render_mode)


class GraphColouringPlanEditVectorEnv(ByKeywords, PlanEditVectorEnv, problem=colouring_problem):
    """B episodes of `GraphColouringPlanEditEnv` at once.

    It takes the same keywords, and `num_envs`, `autoreset_mode` and `max_episode_steps`.

    With `curriculum` or `retry` the episodes share one source of graphs.
    """
