"""The quadratic systems: their constants."""

from __future__ import annotations

from dataclasses import dataclass, replace

from trm_envs.control import kernels


@dataclass(frozen=True)
class System:
    """The constants of x' = f(x, u), x = (position, velocity), target (0, 0).

    J = sum_(k<N) (q_p p_k^2 + q_v v_k^2 + r u_k^2) + f_p p_N^2 + f_v v_N^2, without a factor of the time step.
    """

    name: str
    kind: int
    """Of `trm_envs.control.kernels`."""
    time_step: float
    """In s."""
    horizon: int
    """Steps N."""
    u_max: float
    """Bound of |u|."""
    tolerance: float
    """Distance |x_N| from the target within which a plan succeeds."""
    instance_low: tuple[float, ...]
    instance_high: tuple[float, ...]
    state_units: tuple[str, str]
    control_unit: str
    state_scale: tuple[float, float]
    """Usual size of each state."""
    weights: tuple[float, float, float, float, float] = (10.0, 5.0, 0.1, 200.0, 100.0)
    """q_p, q_v, r, f_p, f_v."""


DOUBLE_INTEGRATOR = System(
    name="double-integrator",
    kind=kernels.DOUBLE_INTEGRATOR,
    time_step=0.33,
    horizon=15,
    u_max=4.0,
    tolerance=0.1,
    instance_low=(-3.0, -3.0),
    instance_high=(3.0, 3.0),
    state_units=("position (m)", "velocity (m/s)"),
    control_unit="acceleration (m/s^2)",
    state_scale=(3.0, 3.0),
)
"""|u| <= 4 m/s^2: clipped LQR is optimal from every state of its pools."""

DOUBLE_INTEGRATOR_TIGHT = replace(DOUBLE_INTEGRATOR, name="double-integrator-tight", u_max=1.5)
"""|u| <= 1.5 m/s^2: the bound binds."""

MU_HIGH = 3.0
"""The largest mu for which steps of 0.05 s are accurate; mu is not negative."""

VAN_DER_POL = System(
    name="van-der-pol",
    kind=kernels.VAN_DER_POL,
    time_step=0.05,
    horizon=100,
    u_max=2.0,
    tolerance=0.2,
    instance_low=(-3.0, -3.0, 0.0),
    instance_high=(3.0, 3.0, MU_HIGH),
    state_units=("position", "velocity (1/s)"),
    control_unit="control (1/s^2)",
    state_scale=(2.5, 3.0),
)
"""x'' = mu (1 - x^2) x' - x + u, dimensionless but for time; the third number of an instance is mu."""
