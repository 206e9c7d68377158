"""Search spaces of the tuning, as data: what every method may be given, and what is tried first.

A setting is a keyword of the algorithm; `env.KEY` is a keyword of the training environment alone (scoring never sees
it), `network.KEY` one of the recursive network. The first choice of a setting is what was used before any tuning, and
trial 0 is all of those. Then come the trials in `first`: the tuned variants that the poster's authors gave their own
PPO, A2C and DQN, as far as their names tell (more entropy, a deeper network, a stronger reward, a higher learning rate
with longer rollouts, slower exploration), each a change of trial 0. Their larger replay buffer is in trial 0 already:
it forgets nothing within a trial. All later trials are drawn by optuna. Every method gets as many trials as any other,
ours included. Methods of systems begin with what their rows have on each system, and have no named trials; so do the
networks that walk through mazes, variants of one row, which begin with the settings of the short runs on `walk-7x7`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

from baselines.line import plays
from baselines.method import UNWEIGHTED, WALKS
from baselines.variants import parsed
from trm_agents import presets

Settings = dict[str, Any]
"""Setting -> value."""


Choices = Mapping[str, Sequence[Any]]
"""Setting -> values (JSON), the one used before tuning first."""


class Space(NamedTuple):
    """What a method may be given."""

    choices: Choices
    first: Sequence[Settings] = ()
    """Changes of trial 0 that are tried before others."""
    overrides: Mapping[str, Settings] = MappingProxyType({})
    """Choices that come first where the environment id starts with the key."""
    walks: Choices = MappingProxyType({})
    """Choices where edits are moves; empty: the same as elsewhere."""

    @property
    def start(self) -> Settings:
        """Trial 0."""
        return {setting: values[0] for setting, values in self.choices.items()}

    def on(self, env_id: str) -> Space:
        """The space on this environment: its own first choices, and no weights of a checker that has none."""
        if self.walks and plays(WALKS, env_id):
            return Space(self.walks)
        choices = dict(self.choices)
        for setting, start in presets.overridden({}, self.overrides, env_id).items():
            if setting in choices:
                choices[setting] = [start, *(value for value in choices[setting] if value != start)]
        if plays(UNWEIGHTED, env_id):
            choices = {setting: values for setting, values in choices.items() if setting not in _REWARD}
        return Space(choices, [changes for changes in self.first if changes.keys() <= choices.keys()])

    def without(self, settings: Collection[str]) -> Space:
        """The space that is left where these settings are fixed: without them, what is in them and what they are in."""

        def free(setting: str) -> bool:
            return not any(f"{one}.".startswith(f"{setting}.") or setting.startswith(f"{one}.") for one in settings)

        choices, walks = (
            {setting: values for setting, values in named.items() if free(setting)}
            for named in (self.choices, self.walks)
        )
        first = [changes for changes in self.first if changes.keys() <= choices.keys()]
        return Space(choices, first, self.overrides, walks)


class Spaces(dict[str, Space]):
    """Spaces by name of a row. A variant, `NAME@SETTING=VALUE@...`, has what its row has beside those settings."""

    def __missing__(self, name: str) -> Space:
        if name not in self or "@" not in name:
            raise KeyError(name)
        base, fixed = parsed(name)
        return self[base].without(fixed)

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and super().__contains__(name.partition("@")[0])


_WIDE, _DEEP, _NARROW = ({"net_arch": layers} for layers in ([256, 256], [256, 256, 256], [64, 64]))
_MLP: Choices = {"policy_kwargs": [_WIDE, _DEEP, _NARROW]}
_DEEP_MLP: Settings = {"policy_kwargs": _DEEP}
_BACKBONE: Choices = {"network.unroll": [4, 2, 8]}
_DEEP_BACKBONE: Settings = {"network.unroll": 8}

_REWARD: Choices = {"env.violation_weight": [2.0, 4.0]}
_STRONGER_REWARD = {"env.violation_weight": 4.0}
_MORE_ENTROPY = {"ent_coef": 0.05}
_SLOWER_EXPLORATION = {"exploration_fraction": 0.8}

_PPO: Choices = {
    "learning_rate": [1e-3, 3e-4, 3e-3],
    "n_steps": [16, 64],
    "n_epochs": [8, 4],
    "gae_lambda": [0.5, 0.0, 0.8, 0.95],
    "ent_coef": [0.01, 0.0, 0.05],
    **_REWARD,
}
_A2C: Choices = {
    "learning_rate": [1e-3, 3e-4, 3e-3],
    "n_steps": [4, 16],
    "gae_lambda": [0.5, 0.0, 0.8, 0.95],
    "ent_coef": [0.01, 0.0, 0.05],
    "normalize_advantage": [True, False],
    **_REWARD,
}
_HIGHER_RATE_LONGER_ROLLOUT = {"learning_rate": 3e-3, "n_steps": 16}
_DQN: Choices = {
    "learning_rate": [5e-4, 1e-4, 2e-3],
    "buffer_size": [20_000, 5_000],
    "gradient_steps": [1, 2, 4],
    "target_update_interval": [500, 2_000],
    "exploration_fraction": [0.5, 0.2, 0.8],
    **_REWARD,
}


_WALKS: Choices = {
    "learning_rate": [[4e-3, 3e-4], [2e-3, 2e-4], [1e-3, 1e-4], [8e-3, 6e-4]],
    "n_steps": [16, 32],
    "batch_size": [256, 512],
    "n_epochs": [4, 8],
    "gae_lambda": [0.9, 0.95],
    "ent_coef": [0.01, 0.003, 0.03],
}
# A quarter of the environments, so rollouts are as long.
_MLP_WALKS: Choices = {**_WALKS, "learning_rate": [1e-3, *_WALKS["learning_rate"]], "n_steps": [64, 128]}


def _ppo(network: Choices, deeper: Settings, walks: Choices = MappingProxyType({})) -> Space:
    return Space({**_PPO, **network}, [_MORE_ENTROPY, deeper, _STRONGER_REWARD], walks=walks)


def _a2c(network: Choices, deeper: Settings) -> Space:
    return Space({**_A2C, **network}, [_MORE_ENTROPY, deeper, _HIGHER_RATE_LONGER_ROLLOUT, _STRONGER_REWARD])


def _dqn(network: Choices, deeper: Settings) -> Space:
    return Space({**_DQN, **network}, [_SLOWER_EXPLORATION, deeper, _STRONGER_REWARD])


_WIDTH = "policy_kwargs.width"
_TRC: Choices = {
    "learning_rate": [[4e-3, 4e-5], [2e-3, 2e-5], [8e-3, 8e-5]],
    "batch_size": [48, 24, 96],
    "unroll": [2, 1, 4],
    "restart": [0.125, 0.06, 0.25],
    "exploration": [0.05, 0.0, 0.1, 0.2],
    _WIDTH: [32, 16, 48],
}
_ANTITHETIC: Choices = {**_TRC, "exploration": [0.0, 0.05, 0.1], "pairs": [60, 30, 200], "sigma": [0.02, 0.005, 0.05]}
_PPO_SYSTEMS: Choices = {
    "n_epochs": [10, 5, 20],
    "gae_lambda": [0.95, 0.8, 1.0],
    "ent_coef": [0.0, 1e-3, 1e-2],
}


def _trc(choices: Choices, rows: Mapping[str, Mapping[str, Any]]) -> Space:
    """A space of TRC whose first trial has what a row has on each system."""
    overrides = {prefix: {key: row[key] for key in row if key in choices} for prefix, row in rows.items()}
    for prefix, row in rows.items():
        if "policy_kwargs" in row:
            overrides[prefix][_WIDTH] = row["policy_kwargs"]["width"]
    return Space(choices, overrides=overrides)


# What `trc` had there before it was tuned.
_TRC_BEFORE = {"ControlPlanEdit-PoweredDescent": {"restart": 0.17, "exploration": 0.0, "policy_kwargs": {"width": 44}}}

SPACES = Spaces(
    {
        "hindsight_trm": Space(
            {
                "learning_rate": [[4e-3, 2e-4], [2e-3, 1e-4], [8e-3, 4e-4]],
                "batch_size": [32, 64],
                "train_ratio": [0.75, 1.5],
                "unroll": [4, 2, 8],
                "beta": [10.0, 5.0, 20.0],
                "checker_steps": [8_000, 4_000, 16_000],
            }
        ),
        "upi_trm": Space(
            {
                "learning_rate": [[3e-3, 3e-4], [1e-3, 1e-4], [6e-3, 6e-4]],
                "n_steps": [25, 50],
                "n_epochs": [8, 4],
                "target.horizon": [8, 1, 16],
                "unroll": [4, 2, 8],
                "beta": [4.0, 2.0, 8.0],
                "checker_weight": [0.5, 0.25, 0.75],
                "mixture.alpha": [0.5, 0.3, 0.8],
            }
        ),
        "ppo": _ppo(_MLP, _DEEP_MLP, _MLP_WALKS),
        "a2c": _a2c(_MLP, _DEEP_MLP),
        "dqn": _dqn(_MLP, _DEEP_MLP),
        "maskable_ppo": _ppo(_MLP, _DEEP_MLP),
        "maskable_ppo-consistent": _ppo(_MLP, _DEEP_MLP),
        "trm_ppo": _ppo(_BACKBONE, _DEEP_BACKBONE, _WALKS),
        "trm_a2c": _a2c(_BACKBONE, _DEEP_BACKBONE),
        "trm_dqn": _dqn(_BACKBONE, _DEEP_BACKBONE),
        "trm_maskable_ppo": _ppo(_BACKBONE, _DEEP_BACKBONE),
        "trm_maskable_ppo-consistent": _ppo(_BACKBONE, _DEEP_BACKBONE),
        "trc": _trc(_TRC, {**presets.TRC_OVERRIDES, **_TRC_BEFORE}),
        "trc-gradient": _trc(_TRC, presets.TRC_OVERRIDES),
        "trc-antithetic": _trc(_ANTITHETIC, presets.TRC_ANTITHETIC_OVERRIDES),
        "mlp_control": Space(
            {"learning_rate": _TRC["learning_rate"], "batch_size": [48, 24, 96], _WIDTH: [64, 32, 96]}
        ),
        "ppo-edit": Space(
            {
                "learning_rate": [3e-4, 1e-4, 1e-3],
                "n_steps": [60, 30, 120],
                "policy_kwargs.log_std_init": [-2.0, -1.0, -3.0],
                **_PPO_SYSTEMS,
            }
        ),
        "ppo-step": Space(
            {
                "learning_rate": [1e-3, 3e-4, 3e-3],
                "n_steps": [300, 75, 150],
                "policy_kwargs.log_std_init": [0.0, -1.0, -2.0],
                **_PPO_SYSTEMS,
            }
        ),
        "sac-step": Space(
            {
                "learning_rate": [3e-4, 1e-3, 3e-3],
                "gradient_steps": [4, 1, 16],
                "batch_size": [256, 128],
                "tau": [0.005, 0.02],
                "ent_coef": ["auto", 0.01, 0.1],
                "policy_kwargs.net_arch": [[64, 64], [256, 256]],
            }
        ),
    }
)
