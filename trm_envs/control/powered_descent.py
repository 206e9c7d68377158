"""Powered descent, landing a rocket on Mars: its environments."""

from __future__ import annotations

from typing_extensions import Unpack

from trm_envs.continuous.env import ControlEditEnv, ControlEditVectorEnv, ControlProblem
from trm_envs.continuous.mdp import ControlEditMDP
from trm_envs.control.descent import DescentTask
from trm_envs.control.descent_sources import descent_origin
from trm_envs.control.descent_steps import DescentStepRules
from trm_envs.control.sources import EditOptions, SystemOptions, control_source, mdp_options
from trm_envs.control.stepwise import ControlEnv, ControlVectorEnv, StepProblem
from trm_envs.episodes.by_keywords import ByKeywords
from trm_envs.instances.numbers import truth
from trm_envs.instances.options import check_keywords


def powered_descent_problem(shallow: bool = False, **options: Unpack[EditOptions]) -> ControlProblem:
    """The MDP and the instances that `PoweredDescentPlanEditEnv` is built on; takes the same keywords.

    Raises:
        TypeError: an unknown keyword.
        ValueError: a value outside its range, keywords that contradict each other, or a bad instance.
    """
    check_keywords(options, EditOptions)
    truth("shallow", shallow)
    task = DescentTask(options.get("edit", "plan"))
    source = control_source(task, descent_origin(shallow), options)
    return ControlProblem(ControlEditMDP(task, **mdp_options(options)), source, options.get("observe", "error"))


def powered_descent_steps(shallow: bool = False, **options: Unpack[SystemOptions]) -> StepProblem:
    """The system and the instances that `PoweredDescentEnv` is built on; takes the same keywords.

    Raises:
        TypeError: an unknown keyword.
        ValueError: as `powered_descent_problem`.
    """
    check_keywords(options, SystemOptions)
    truth("shallow", shallow)
    rules = DescentStepRules()
    return StepProblem(rules, control_source(rules.task, descent_origin(shallow), options))


class PoweredDescentPlanEditEnv(ControlEditEnv):
    """Edit the plan that lands a rocket on Mars, guided by a simulator and the fuel that it burns.

    ## Description
    A vehicle has position r = (x, y, z) (m) from the pad, z upwards, velocity v (m/s) and mass m (kg). Gravity is 3.71
    m/s^2. Its thrust T (N) burns |T| / 1,968.9 kg of fuel a second (effective specific impulse 200.7 s); the engine
    cannot be shut down. A *plan* is 50 thrust vectors T_0 .. T_49 and the flight time t_f (15 to 100 s): each thrust is
    held for t_f / 50, which is simulated exactly, mass loss included. The cost is the fuel in kg. Hard constraints:

    | constraint                                                     | tolerance         |
    |----------------------------------------------------------------|-------------------|
    | 4,972 N <= norm of T_k <= 13,260 N                             | 1.3e-5 N          |
    | glide slope: z >= tan(30 degrees) hypot(x, y), at knots 1 to 49 | 0.01 m            |
    | mass without fuel: m_50 >= 1,505 kg                            | 0.001 kg          |
    | touchdown: norm of r_50 <= 1 m, norm of v_50 <= 0.1 m/s        | is the tolerance  |

    The plan starts as hover, for 2 |r_0| / |v_0| s. Every step of the environment edits all of it, or a window of it.
    Then every thrust is brought into its bounds, so that they hold in every intermediate plan, and up to ten
    Gauss-Newton corrections within those bounds (active sets) bring the plan down on the pad, above the glide slope, at
    the flight time that the edit has written. Where that flight time allows no landing, the plan misses, and the
    checker says by how much. No optimal plan is ever shown.

    Every instance is solvable: a plan that lands was played backwards from the pad by the exact inverse step, checked
    forwards, and forgotten.

    Id: `ControlPlanEdit-PoweredDescent-v0`. The state is (instance, plan, edits left); `env.unwrapped.mdp` is its
    deterministic transition function.

    ## Action Space
    `Box(-1, 1, (size,), float32)`; numbers outside are clipped, NaN, infinite ones and other shapes are refused.

    | `edit`     | size | the thrusts become, before they are restored                                                |
    |------------|-----:|---------------------------------------------------------------------------------------------|
    | `plan`     |  151 | T_k + 6,630 N a_k                                                                           |
    | `feedback` | 1101 | T_k + 6,630 N a_k + K_k (s_k - (1 - g_k) sbar_k), s = (r, v), played by the simulator        |
    | `window`   |   32 | as `plan`, for 10 successive steps: 30 changes, then the place of the first, -1 to 1        |

    The last number of every action multiplies the flight time by exp(a / 2). A feedback action holds 50 changes a of
    three numbers, then 50 matrices K, 3 x 6 row by row, in 44.2 N/m and 828.75 N/(m/s), then 50 gates 2 g - 1. sbar is
    the trajectory of the plan that is edited and s the one that arises: with g = 0 the feedback holds the old
    trajectory, with g = 1 it steers to the pad. What it has written is an open-loop plan again.

    ## Observation Space
    `Dict` of flat boxes; simulated in float64, observed in float32:

    | key               | space                          | meaning                                                   |
    |-------------------|--------------------------------|-----------------------------------------------------------|
    | `instance`        | `Box(-1, 1, (7,))`             | r_0, v_0, m_0, each scaled from the range of `instances`  |
    | `plan`            | `Box(-1, 1, (151,))`           | T / 13,260 N, (t_f - 57.5 s) / 42.5 s                     |
    | `states`          | `Box(-10, 10, (350,))`         | r / 1,500 m, v / 80 m/s, m / 2,000 kg after each step     |
    | `terminal_error`  | `Box(0, 10, (1,))`             | log(1 + d), d = the worse of touchdown's two, in tolerances |
    | `cost`            | `Box(0, log 1001, (1,))`       | log(J / kg + 1)                                           |
    | `violation`       | `Box(0, log(1 + 1e6), (1,))`   | log(1 + violation), see below                             |
    | `remaining_edits` | `Box(0, max_edits, (1,), int32)` | edits left                                              |
    | `gradient`        | `Box(-10, 10, (151,))`         | with `observe="gradient"` only; see below                  |

    `violation` is by how much the worst constraint exceeds its tolerance, in tolerances; 0 where all hold. `gradient`
    is that of log(J + 1) + log(1 + violation) by the observed plan, by adjoints of the simulator, clipped: the fuel's
    part without what the bounds block and what touchdown and glide slope take up, so 0 at an optimal plan.

    ## Rewards
    With Phi = -log(J + 1) - log(1 + violation) the reward is `gamma * Phi(s') - Phi(s)`, and `Phi(s') - Phi(s)` at the
    last edit: an edit that saves 1 % of the fuel is worth 0.01. An episode is worth Phi of the plan that it ends with;
    `shaping=False` leaves that alone, paid at the end.

    ## Episode End
    Terminated when the edits run out (edits left are part of the state, so this is a true end). Never truncated.

    ## Information
    `cost` (J, kg), `best_cost` (the lowest of a feasible plan since reset, inf where there was none), `is_success` and
    `feasible` (every constraint holds), `violation`, `terminal_error` (d above), and `accepted` (the edited plan was
    taken).

    ## Arguments
    - `shallow`: False; True takes a second pool, of approaches that begin at most 38 degrees above the horizon seen
      from the pad, for which the glide slope binds in most optimal plans.
    - `render_mode`: `"ansi"`, `"rgb_array"` (altitude over range with the glide slope, and the thrust), `"human"` or
      None.
    - `split`: `"train"` (default), `"validation"` or `"test"`: shipped pools, disjoint up to turning about the vertical
      and mirroring. Altitude 600 to 3,000 m, at most 2,500 m aside, at most 130 m/s, falling at 10 m/s or more, at most
      2,100 kg; shallow ones 300 m and more high, up to 3,300 m aside.
    - `ood`: False; True takes a pool from outside these ranges, up to 4,500 m high, 4,000 m aside, 170 m/s and 2,200
      kg, for validation and test only.
    - `instances`: own instances (x, y, z, v_x, v_y, v_z, m) instead, shape (B, 7): |x|, |y| <= 4,000 m, z 1 to 5,000 m,
      velocities within 180 m/s, m 1,505 to 2,300 kg. One that surely cannot land is refused.
    - `generate`: True draws a new instance every episode, none that a validation or test pool has.
    - `curriculum`: None, or the largest distance to the pad of each stage in m, such as `[1500, 2500, 4000]`, for
      training.
    - `retry`: 0 (default), or the probability that a training episode takes an instance that was failed.
    - `edit`: `"plan"` (default), `"feedback"` or `"window"`.
    - `observe`: `"error"` (default) or `"gradient"`.
    - `max_edits`: 8.
    - `accept`: `"always"` (default), or `"improving"`: an edited plan is taken only if it violates less, or no more and
      burns less.
    - `gamma`: 0.99, the discount of the shaping; an agent should use the same. `shaping`: True.

    `reset(options={"instance": [x, y, z, v_x, v_y, v_z, m]})` starts on an instance of choice.

    ## Version History
    - v0: first version.
    """

    def __init__(self, shallow: bool = False, render_mode: str | None = None, **options: Unpack[EditOptions]) -> None:
        super().__init__(*powered_descent_problem(shallow, **options), render_mode)


class PoweredDescentPlanEditVectorEnv(ByKeywords, ControlEditVectorEnv, problem=powered_descent_problem):
    """B episodes of `PoweredDescentPlanEditEnv` at once: `gym.make_vec(id, num_envs=B, autoreset_mode=...)`.

    Equal to `SyncVectorEnv` over the single environments bit for bit, and faster. Takes the same keywords.

    Args:
        num_envs: B.
        shallow: take approaches low above the glide slope.
        render_mode: `ansi`, `rgb_array` or None.
        autoreset_mode: when an ended episode is replaced: `AutoresetMode.NEXT_STEP`, `SAME_STEP` or `DISABLED`.
        max_episode_steps: steps after which an episode is truncated; None: never.
        **options: the keywords of `PoweredDescentPlanEditEnv`.
    """


class PoweredDescentEnv(ControlEnv):
    """Land a rocket on Mars, one thrust at a time.

    ## Description
    The system, constraints and pools of `ControlPlanEdit-PoweredDescent-v0`, on the same simulator, for agents that
    choose a thrust from the present state. An episode plays one plan: its first step also sets the flight time, and
    every thrust is held for a fiftieth of it. Nothing is restored: to land is the agent's task.

    Id: `Control-PoweredDescent-v0`.

    ## Action Space
    `Box(-1, 1, (4,), float32)`: the thrust / 13,260 N, whose norm is brought into 4,972 to 13,260 N (nothing becomes
    the smallest thrust upwards); then the flight time, exp of -1 (15 s) to 1 (100 s) evenly in the logarithm, read at
    the first step alone. Numbers outside are clipped, NaN, infinite ones and other shapes are refused.

    ## Observation Space
    `Box((10,), float32)`: r / 1,500 m, v / 80 m/s and m / 2,000 kg, clipped to [-10, 10]; log(1 + violation) so far;
    the flight time as an action says it, 0 before it is set; the share of the 50 steps that is left.

    ## Rewards
    `-fuel / 100 kg` of each step, and minus what it adds to log(1 + violation): of the glide slope and, at the last
    step, of touchdown and dry mass. An episode is worth -J / 100 kg - log(1 + violation).

    ## Episode End
    Terminated after 50 steps (steps left are observed, so this is a true end). Never truncated, also below the ground.

    ## Information
    `cost` (fuel burnt, kg), `violation` (so far, in tolerances), `terminal_error` (the larger of |r| / 1 m and |v| /
    0.1 m/s) and `is_success` (at the end: every constraint held).

    ## Arguments
    `shallow`, `render_mode`, `split`, `ood`, `instances`, `generate`, `curriculum`, `retry`, and the reset option
    `instance`, as the plan-editing environment has them.

    ## Version History
    - v0: first version.
    """

    def __init__(self, shallow: bool = False, render_mode: str | None = None, **options: Unpack[SystemOptions]) -> None:
        super().__init__(*powered_descent_steps(shallow, **options), render_mode)


class PoweredDescentVectorEnv(ByKeywords, ControlVectorEnv, problem=powered_descent_steps):
    """B episodes of `PoweredDescentEnv` at once, equal to `SyncVectorEnv` over them bit for bit.

    Args:
        num_envs: B.
        shallow: take approaches low above the glide slope.
        render_mode: `ansi`, `rgb_array` or None.
        autoreset_mode: when an ended episode is replaced.
        **options: the keywords of `PoweredDescentEnv`.
    """
