"""The controlled Van der Pol oscillator: its environments."""

from __future__ import annotations

from typing_extensions import Unpack

from trm_envs.continuous.env import ControlEditEnv, ControlEditVectorEnv, ControlProblem
from trm_envs.continuous.mdp import ControlEditMDP
from trm_envs.control.quadratic import QuadraticTask
from trm_envs.control.quadratic_steps import QuadraticStepRules
from trm_envs.control.sources import EditOptions, SystemOptions, control_source, mdp_options, quadratic_origin, read_mu
from trm_envs.control.stepwise import ControlEnv, ControlVectorEnv, StepProblem
from trm_envs.control.systems import VAN_DER_POL
from trm_envs.episodes.by_keywords import ByKeywords
from trm_envs.instances.numbers import truth
from trm_envs.instances.options import check_keywords

POOL = "control-van-der-pol"
"""Name of the pool in distribution."""


def van_der_pol_problem(
    mu: float | tuple[float, float] = 1.0, observe_mu: bool = True, **options: Unpack[EditOptions]
) -> ControlProblem:
    """The MDP and the instances that `VanDerPolPlanEditEnv` is built on; takes the same keywords.

    Raises:
        TypeError: an unknown keyword.
        ValueError: a value outside its range, keywords that contradict each other, or a bad instance.
    """
    check_keywords(options, EditOptions)
    truth("observe_mu", observe_mu)
    task = QuadraticTask(VAN_DER_POL, options.get("edit", "feedback"), hidden=0 if observe_mu else 1)
    source = control_source(task, quadratic_origin(POOL, read_mu(mu)), options)
    return ControlProblem(ControlEditMDP(task, **mdp_options(options)), source, options.get("observe", "error"))


def van_der_pol_steps(mu: float | tuple[float, float] = 1.0, **options: Unpack[SystemOptions]) -> StepProblem:
    """The system and the instances that `VanDerPolEnv` is built on; takes the same keywords.

    Raises:
        TypeError: an unknown keyword.
        ValueError: as `van_der_pol_problem`.
    """
    check_keywords(options, SystemOptions)
    task = QuadraticTask(VAN_DER_POL)
    return StepProblem(QuadraticStepRules(task), control_source(task, quadratic_origin(POOL, read_mu(mu)), options))


class VanDerPolPlanEditEnv(ControlEditEnv):
    """Edit the plan that brings a Van der Pol oscillator to rest, guided by a simulator and a cost.

    ## Description
    The oscillator x'' = mu (1 - x^2) x' - x + u is unstable at its rest x = 0, and strongly damped where |x| is large.
    Position x and velocity v are dimensionless but for time (v in 1/s, u in 1/s^2); u is held for steps of 0.05 s,
    simulated by one classical Runge-Kutta step each. A *plan* is u_0 .. u_99. It starts as zeros; every step of the
    environment edits all of it, or a window of it, and the simulator says what it costs:

        J = sum over k < 100 of (10 x_k^2 + 5 v_k^2 + 0.1 u_k^2)  +  200 x_100^2 + 100 v_100^2

    without a factor of the time step. No optimal plan is ever shown. |u| is at most 2 in every intermediate plan. An
    open-loop edit of so many unstable steps is badly conditioned; a `feedback` edit is not.

    Id: `ControlPlanEdit-VanDerPol-v0`. The state is (instance, plan, edits left), and mu is part of the instance;
    `env.unwrapped.mdp` is its deterministic transition function.

    ## Action Space
    `Box(-1, 1, (size,), float32)`; numbers outside are clipped, NaN, infinite ones and other shapes are refused.

    | `edit`     | size | the plan becomes                                                                            |
    |------------|-----:|---------------------------------------------------------------------------------------------|
    | `feedback` |  400 | clip(u_k + 2 a_k + K_k (x_k - (1 - g_k) xbar_k)), played by the simulator from x_0          |
    | `plan`     |  100 | clip(u_k + 2 a_k)                                                                           |
    | `window`   |   11 | as `plan`, for 10 successive steps: 10 changes, then the place of the first, -1 to 1        |

    A feedback action holds 100 changes a, then 100 pairs of gains K / 10 for position and velocity, then 100 gates
    2 g - 1. xbar is the trajectory of the plan that is edited and x the one that arises: with g = 0 the feedback holds
    the old trajectory, with g = 1 it steers to the rest. What it has written is an open-loop plan again.

    ## Observation Space
    `Dict` of flat boxes; simulated in float64, observed in float32:

    | key               | space                          | meaning                                                   |
    |-------------------|--------------------------------|-----------------------------------------------------------|
    | `instance`        | `Box(-1, 1, (3,))`             | x_0 / 3, v_0 / 3, (mu - 1.5) / 1.5                        |
    | `plan`            | `Box(-1, 1, (100,))`           | u / 2                                                     |
    | `states`          | `Box(-10, 10, (200,))`         | x / 2.5 and v / 3 after each step, clipped                |
    | `terminal_error`  | `Box(0, 10, (1,))`             | log(1 + d), d = norm of (x_100, v_100) / 0.2              |
    | `cost`            | `Box(log 0.01, log 1e6, (1,))` | log(J + 0.01)                                             |
    | `remaining_edits` | `Box(0, max_edits, (1,), int32)` | edits left                                              |
    | `gradient`        | `Box(-10, 10, (100,))`         | with `observe="gradient"` only; see below                  |

    `gradient` is d log(J + 0.01) / d(u / 2) by the adjoint of the simulator, 0 where the bound blocks the way down,
    clipped.

    ## Rewards
    With Phi = -log(J + 0.01) the reward is `gamma * Phi(s') - Phi(s)`, and `Phi(s') - Phi(s)` at the last edit: an edit
    that lowers J by 1 % is worth 0.01 wherever J stands. An episode is worth Phi of the plan that it ends with;
    `shaping=False` leaves that alone, paid at the end.

    ## Episode End
    Terminated when the edits run out (edits left are part of the state, so this is a true end). Never truncated.

    ## Information
    `cost` (J), `best_cost` (the lowest since reset), `is_success` (the norm of the last state is at most 0.2),
    `feasible` (|u| is within its bound: always), `violation` (0), `terminal_error` (d above), and `accepted` (the
    edited plan was taken).

    ## Arguments
    - `mu`: 1 by default: a number within [0, 3], or a range. Pools are shipped for any one number, by which all of
      their first states are simulated, and for the range (0.5, 2); `generate=True` takes any range.
    - `observe_mu`: True; False observes 0 in its place, and the trajectories of plans are all that tells of it.
    - `render_mode`: `"ansi"`, `"rgb_array"` (the phase plane and the controls), `"human"` or None.
    - `split`: `"train"` (default), `"validation"` or `"test"`: shipped pools of first states from [-2, 2]^2, disjoint
      up to the sign of the state.
    - `ood`: False; True takes first states whose larger entry is within 2..3, for validation and test only.
    - `instances`: own instances (x, v, mu) instead, shape (B, 3), the state within [-3, 3]^2.
    - `generate`: True draws a new first state every episode, none that a validation or test pool has.
    - `curriculum`: None, or the largest state of each stage, such as `[0.5, 1.0, 2.0]`, for training.
    - `retry`: 0 (default), or the probability that a training episode takes an instance that was failed.
    - `edit`: `"feedback"` (default), `"plan"` or `"window"`.
    - `observe`: `"error"` (default) or `"gradient"`.
    - `max_edits`: 8.
    - `accept`: `"always"` (default), or `"improving"`: an edited plan is taken only if it costs less.
    - `gamma`: 0.99, the discount of the shaping; an agent should use the same. `shaping`: True.

    `reset(options={"instance": [x, v, mu]})` starts on an instance of choice.

    ## Version History
    - v0: first version. The system, the bound and the cost follow Tiny Recursive Control.
    """

    def __init__(
        self,
        mu: float | tuple[float, float] = 1.0,
        render_mode: str | None = None,
        observe_mu: bool = True,
        **options: Unpack[EditOptions],
    ) -> None:
        super().__init__(*van_der_pol_problem(mu, observe_mu, **options), render_mode)


class VanDerPolPlanEditVectorEnv(ByKeywords, ControlEditVectorEnv, problem=van_der_pol_problem):
    """B episodes of `VanDerPolPlanEditEnv` at once: `gym.make_vec(id, num_envs=B, autoreset_mode=...)`.

    Equal to `SyncVectorEnv` over the single environments bit for bit, and faster. Takes the same keywords.

    Args:
        num_envs: B.
        mu: a number, or a range.
        render_mode: `ansi`, `rgb_array` or None.
        autoreset_mode: when an ended episode is replaced: `AutoresetMode.NEXT_STEP`, `SAME_STEP` or `DISABLED`.
        max_episode_steps: steps after which an episode is truncated; None: never.
        observe_mu: whether mu is observed.
        **options: the keywords of `VanDerPolPlanEditEnv`.
    """


class VanDerPolEnv(ControlEnv):
    """Bring a Van der Pol oscillator to rest, one control at a time.

    ## Description
    The system, cost and pools of `ControlPlanEdit-VanDerPol-v0`, on the same simulator, for agents that choose a
    control from the present state. The rewards of an episode sum to -J / 100.

    Id: `Control-VanDerPol-v0`.

    ## Action Space
    `Box(-1, 1, (1,), float32)`: u / 2, held for 0.05 s. Numbers outside are clipped, NaN, infinite ones and other
    shapes are refused.

    ## Observation Space
    `Box((4,), float32)`: x / 2.5 and v / 3, clipped to [-10, 10]; (mu - 1.5) / 1.5; the share of the 100 steps that is
    left.

    ## Rewards
    `-(10 x^2 + 5 v^2 + 0.1 u^2) / 100` for each step, and `-(200 x^2 + 100 v^2) / 100` of the last state with the last.

    ## Episode End
    Terminated after 100 steps (steps left are observed, so this is a true end). Never truncated.

    ## Information
    `cost` (J of the steps taken), `violation` (0), `terminal_error` (norm of the state / 0.2) and `is_success` (at the
    end: it is at most 1).

    ## Arguments
    `mu`, `render_mode`, `split`, `ood`, `instances`, `generate`, `curriculum`, `retry`, and the reset option
    `instance`, as the plan-editing environment has them.

    ## Version History
    - v0: first version.
    """

    def __init__(
        self,
        mu: float | tuple[float, float] = 1.0,
        render_mode: str | None = None,
        **options: Unpack[SystemOptions],
    ) -> None:
        super().__init__(*van_der_pol_steps(mu, **options), render_mode)


class VanDerPolVectorEnv(ByKeywords, ControlVectorEnv, problem=van_der_pol_steps):
    """B episodes of `VanDerPolEnv` at once, equal to `SyncVectorEnv` over them bit for bit.

    Args:
        num_envs: B.
        mu: a number, or a range.
        render_mode: `ansi`, `rgb_array` or None.
        autoreset_mode: when an ended episode is replaced.
        max_episode_steps: steps after which an episode is truncated; None: never.
        **options: the keywords of `VanDerPolEnv`.
    """
