"""Hyperparameters of the rows, as data."""

from __future__ import annotations

from typing import Any

Keywords = dict[str, Any]

UPI_TRM: Keywords = {}
UPI_TRM_EXACT: Keywords = {**UPI_TRM, "conservative": "exact"}
STAGE_0: Keywords = {**UPI_TRM, "prior": 1.0}

PPO: Keywords = {
    "learning_rate": 1e-3,
    "n_steps": 64,
    "batch_size": 256,
    "n_epochs": 8,
    "gae_lambda": 0.95,
    "ent_coef": 0.01,
    "policy_kwargs": {"net_arch": [256, 256]},
}
PPO_OVERRIDES: dict[str, Keywords] = {}

A2C: Keywords = {
    "learning_rate": 7e-4,
    "n_steps": 8,
    "gae_lambda": 0.95,
    "ent_coef": 0.01,
    "use_rms_prop": False,
    "policy_kwargs": {"net_arch": [256, 256]},
}
A2C_OVERRIDES: dict[str, Keywords] = {}

DQN: Keywords = {
    "learning_rate": 5e-4,
    "buffer_size": 20_000,
    "learning_starts": 1_000,
    "batch_size": 64,
    # One call steps 4 environments: a gradient step every 4 environment steps, as in SB3's defaults.
    "train_freq": 1,
    "gradient_steps": 1,
    "target_update_interval": 500,
    "exploration_fraction": 0.5,
    "exploration_final_eps": 0.05,
    "policy_kwargs": {"net_arch": [256, 256]},
}
DQN_OVERRIDES: dict[str, Keywords] = {}

TRM_PPO: Keywords = {key: value for key, value in PPO.items() if key != "policy_kwargs"}
TRM_A2C: Keywords = {key: value for key, value in A2C.items() if key != "policy_kwargs"}
TRM_DQN: Keywords = {key: value for key, value in DQN.items() if key != "policy_kwargs"}

BACKBONE: Keywords = {"width": 16, "unroll": 2, "radius": 10.0}
"""The recursive network of UPI-TRM, for `trm_*`: keywords of `trm_agents.recursion.token_network`."""
