"""The double integrator, a mass on a line: its environments."""

from __future__ import annotations

from typing_extensions import Unpack

from trm_envs.continuous.env import ControlEditEnv, ControlEditVectorEnv, ControlProblem
from trm_envs.continuous.mdp import ControlEditMDP
from trm_envs.control.quadratic import QuadraticTask
from trm_envs.control.quadratic_steps import QuadraticStepRules
from trm_envs.control.sources import EditOptions, SystemOptions, control_source, mdp_options, quadratic_origin
from trm_envs.control.stepwise import ControlEnv, ControlVectorEnv, StepProblem
from trm_envs.control.systems import DOUBLE_INTEGRATOR, DOUBLE_INTEGRATOR_TIGHT
from trm_envs.episodes.by_keywords import ByKeywords
from trm_envs.instances.numbers import truth
from trm_envs.instances.options import check_keywords

POOL = "control-double-integrator"
"""Name of the pool in distribution."""


def double_integrator_problem(tight: bool = False, **options: Unpack[EditOptions]) -> ControlProblem:
    """The MDP and the instances that `DoubleIntegratorPlanEditEnv` is built on; takes the same keywords.

    Raises:
        TypeError: an unknown keyword.
        ValueError: a value outside its range, keywords that contradict each other, or a bad instance.
    """
    check_keywords(options, EditOptions)
    truth("tight", tight)
    task = QuadraticTask(DOUBLE_INTEGRATOR_TIGHT if tight else DOUBLE_INTEGRATOR, options.get("edit", "feedback"))
    source = control_source(task, quadratic_origin(POOL), options)
    return ControlProblem(ControlEditMDP(task, **mdp_options(options)), source, options.get("observe", "error"))


def double_integrator_steps(tight: bool = False, **options: Unpack[SystemOptions]) -> StepProblem:
    """The system and the instances that `DoubleIntegratorEnv` is built on; takes the same keywords.

    Raises:
        TypeError: an unknown keyword.
        ValueError: as `double_integrator_problem`.
    """
    check_keywords(options, SystemOptions)
    truth("tight", tight)
    task = QuadraticTask(DOUBLE_INTEGRATOR_TIGHT if tight else DOUBLE_INTEGRATOR)
    return StepProblem(QuadraticStepRules(task), control_source(task, quadratic_origin(POOL), options))


class DoubleIntegratorPlanEditEnv(ControlEditEnv):
    """Edit the plan that brings a mass on a line to rest at the origin, guided by a simulator and a cost.

    ## Description
    A point mass has position p (m) and velocity v (m/s); its acceleration is the control u (m/s^2), held for
    steps of 0.33 s and simulated exactly. A *plan* is u_0 .. u_14. It starts as zeros; every step of the environment
    edits all of it, or a window of it, and the simulator says what it costs:

        J = sum over k < 15 of (10 p_k^2 + 5 v_k^2 + 0.1 u_k^2)  +  200 p_15^2 + 100 v_15^2

    without a factor of the time step. No optimal plan is ever shown. |u| is at most 4 m/s^2, or 1.5 m/s^2 for the tight
    id, in every intermediate plan. With 4 m/s^2 clipped LQR is optimal from every state of the pools, so that this id
    is a sanity check; with 1.5 m/s^2 the bound binds.

    Ids: `ControlPlanEdit-DoubleIntegrator-v0`, `ControlPlanEdit-DoubleIntegratorTight-v0`. The state is (instance,
    plan, edits left); `env.unwrapped.mdp` is its deterministic transition function.

    ## Action Space
    `Box(-1, 1, (size,), float32)`; numbers outside are clipped, NaN, infinite ones and other shapes are refused.

    | `edit`     | size | the plan becomes                                                                            |
    |------------|-----:|---------------------------------------------------------------------------------------------|
    | `feedback` |   60 | clip(u_k + u_max a_k + K_k (x_k - (1 - g_k) xbar_k)), played by the simulator from x_0      |
    | `plan`     |   15 | clip(u_k + u_max a_k)                                                                       |
    | `window`   |   11 | as `plan`, for 10 successive steps: 10 changes, then the place of the first, -1 to 1        |

    A feedback action holds 15 changes a, then 15 pairs of gains K / (5 u_max) for position and velocity, then 15 gates
    2 g - 1. xbar is the trajectory of the plan that is edited and x the one that arises: with g = 0 the feedback holds
    the old trajectory, with g = 1 it steers to the origin. What it has written is an open-loop plan again.

    ## Observation Space
    `Dict` of flat boxes; simulated in float64, observed in float32:

    | key               | space                          | meaning                                                   |
    |-------------------|--------------------------------|-----------------------------------------------------------|
    | `instance`        | `Box(-1, 1, (2,))`             | p_0 / 3 m, v_0 / 3 m/s                                    |
    | `plan`            | `Box(-1, 1, (15,))`            | u / u_max                                                 |
    | `states`          | `Box(-10, 10, (30,))`          | p / 3 m and v / 3 m/s after each step, clipped            |
    | `terminal_error`  | `Box(0, 10, (1,))`             | log(1 + d), d = norm of (p_15, v_15) / 0.1                |
    | `cost`            | `Box(log 0.01, log 1e6, (1,))` | log(J + 0.01)                                             |
    | `remaining_edits` | `Box(0, max_edits, (1,), int32)` | edits left                                              |
    | `gradient`        | `Box(-10, 10, (15,))`          | with `observe="gradient"` only; see below                  |

    `gradient` is d log(J + 0.01) / d(u / u_max) by the adjoint of the simulator, 0 where the bound blocks the way down,
    clipped.

    ## Rewards
    With Phi = -log(J + 0.01) the reward is `gamma * Phi(s') - Phi(s)`, and `Phi(s') - Phi(s)` at the last edit: an edit
    that lowers J by 1 % is worth 0.01 wherever J stands. An episode is worth Phi of the plan that it ends with;
    `shaping=False` leaves that alone, paid at the end.

    ## Episode End
    Terminated when the edits run out (edits left are part of the state, so this is a true end). Never truncated.

    ## Information
    `cost` (J), `best_cost` (the lowest since reset), `is_success` (the norm of the last state, in m and m/s, is at most
    0.1), `feasible` (|u| is within its bound: always), `violation` (0), `terminal_error` (d above), and `accepted`
    (the edited plan was taken).

    ## Arguments
    - `tight`: False; True bounds |u| by 1.5 m/s^2. Set by the id.
    - `render_mode`: `"ansi"`, `"rgb_array"` (the phase plane and the controls), `"human"` or None.
    - `split`: `"train"` (default), `"validation"` or `"test"`: shipped pools of first states from [-2, 2]^2 (m, m/s),
      disjoint up to the sign of the state.
    - `ood`: False; True takes first states whose larger entry is within 2..3, for validation and test only.
    - `instances`: own first states instead, shape (B, 2), each within [-3, 3]^2.
    - `generate`: True draws a new first state every episode, none that a validation or test pool has.
    - `curriculum`: None, or the largest state of each stage, such as `[0.5, 1.0, 2.0]`, for training.
    - `retry`: 0 (default), or the probability that a training episode takes a first state that was failed.
    - `edit`: `"feedback"` (default), `"plan"` or `"window"`.
    - `observe`: `"error"` (default) or `"gradient"`.
    - `max_edits`: 8.
    - `accept`: `"always"` (default), or `"improving"`: an edited plan is taken only if it costs less.
    - `gamma`: 0.99, the discount of the shaping; an agent should use the same. `shaping`: True.

    `reset(options={"instance": [p, v]})` starts on a state of choice.

    ## Version History
    - v0: first version. The system, the cost and the bound of 4 m/s^2 follow Tiny Recursive Control.
    """

    def __init__(self, tight: bool = False, render_mode: str | None = None, **options: Unpack[EditOptions]) -> None:
        super().__init__(*double_integrator_problem(tight, **options), render_mode)


class DoubleIntegratorPlanEditVectorEnv(ByKeywords, ControlEditVectorEnv, problem=double_integrator_problem):
    """B episodes of `DoubleIntegratorPlanEditEnv` at once: `gym.make_vec(id, num_envs=B, autoreset_mode=...)`.

    Equal to `SyncVectorEnv` over the single environments bit for bit, and faster. Takes the same keywords.

    Args:
        num_envs: B.
        tight: bound |u| by 1.5 m/s^2.
        render_mode: `ansi`, `rgb_array` or None.
        autoreset_mode: when an ended episode is replaced: `AutoresetMode.NEXT_STEP`, `SAME_STEP` or `DISABLED`.
        max_episode_steps: steps after which an episode is truncated; None: never.
        **options: the keywords of `DoubleIntegratorPlanEditEnv`.
    """


class DoubleIntegratorEnv(ControlEnv):
    """Bring a mass on a line to rest at the origin, one control at a time.

    ## Description
    The system, cost and pools of `ControlPlanEdit-DoubleIntegrator-v0` and `-DoubleIntegratorTight-v0`, on the same
    simulator, for agents that choose a control from the present state. The rewards of an episode sum to -J / 100.

    Ids: `Control-DoubleIntegrator-v0`, `Control-DoubleIntegratorTight-v0`.

    ## Action Space
    `Box(-1, 1, (1,), float32)`: u / u_max, held for 0.33 s; u_max is 4 m/s^2, or 1.5 m/s^2 for the tight id. Numbers
    outside are clipped, NaN, infinite ones and other shapes are refused.

    ## Observation Space
    `Box((3,), float32)`: p / 3 m and v / 3 m/s, clipped to [-10, 10], and the share of the 15 steps that is left.

    ## Rewards
    `-(10 p^2 + 5 v^2 + 0.1 u^2) / 100` for each step, and `-(200 p^2 + 100 v^2) / 100` of the last state with the last.

    ## Episode End
    Terminated after 15 steps (steps left are observed, so this is a true end). Never truncated.

    ## Information
    `cost` (J of the steps taken), `violation` (0), `terminal_error` (norm of the state / 0.1) and `is_success` (at the
    end: it is at most 1).

    ## Arguments
    `tight`, `render_mode`, `split`, `ood`, `instances`, `generate`, `curriculum`, `retry`, and the reset option
    `instance`, as the plan-editing environment has them.

    ## Version History
    - v0: first version.
    """

    def __init__(self, tight: bool = False, render_mode: str | None = None, **options: Unpack[SystemOptions]) -> None:
        super().__init__(*double_integrator_steps(tight, **options), render_mode)


class DoubleIntegratorVectorEnv(ByKeywords, ControlVectorEnv, problem=double_integrator_steps):
    """B episodes of `DoubleIntegratorEnv` at once, equal to `SyncVectorEnv` over them bit for bit.

    Args:
        num_envs: B.
        tight: bound |u| by 1.5 m/s^2.
        render_mode: `ansi`, `rgb_array` or None.
        autoreset_mode: when an ended episode is replaced.
        max_episode_steps: steps after which an episode is truncated; None: never.
        **options: the keywords of `DoubleIntegratorEnv`.
    """
