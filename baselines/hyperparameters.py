"""Hyperparameters of the baselines, as data: the settings that are used. Those of our own methods are presets.

Of the methods in benchmarks/published/tuning.csv those named in `baselines.spaces` were chosen by `python -m benchmarks
tune`, with as many trials for each; a test holds them against the rows. The others are defaults.
"""

from __future__ import annotations

from typing import Any

from trm_agents import presets

Keywords = dict[str, Any]
"""Keywords of an algorithm, as JSON; a list of two learning rates stands for a linear fall from one to the other."""

PPO: Keywords = {
    "learning_rate": 1e-3,
    "n_steps": 16,
    "batch_size": 64,
    "n_epochs": 8,
    "gae_lambda": 0.5,
    "ent_coef": 0.05,
    "policy_kwargs": {"net_arch": [256, 256]},
}
# With masks a stronger reward did better than more entropy (`baselines.spaces`).
MASKABLE_PPO: Keywords = {**PPO, "ent_coef": 0.01}
MASKABLE_PPO_TRAINING: dict[str, Keywords] = {
    "SudokuPlanEdit": {"violation_weight": 4.0},
    "MazePlanEdit": {"violation_weight": 4.0},
}

A2C: Keywords = {
    "learning_rate": 3e-3,
    "n_steps": 16,
    "normalize_advantage": True,
    "gae_lambda": 0.5,
    "ent_coef": 0.01,
    "use_rms_prop": False,
    "policy_kwargs": {"net_arch": [256, 256]},
}

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
# The buffer keeps one-hot floats: 20,000 transitions of these would not fit into 0.5 GB.
DQN_OVERRIDES: dict[str, Keywords] = {
    "SudokuPlanEdit-16x16": {"buffer_size": 5_000},
    "MazePlanEdit-31x31": {"buffer_size": 5_000},
}

# Actor and critic share the recursive network: with SB3's 0.5 the value's gradient rules what the actor reads.
TRM_PPO: Keywords = {
    **{key: value for key, value in PPO.items() if key != "policy_kwargs"},
    "ent_coef": 0.01,
    "vf_coef": 0.05,
}
TRM_A2C: Keywords = {
    **{key: value for key, value in A2C.items() if key != "policy_kwargs"},
    "learning_rate": 1e-3,
    "n_steps": 4,
}
TRM_DQN: Keywords = {
    **{key: value for key, value in DQN.items() if key != "policy_kwargs"},
    "buffer_size": 5_000,
    "gradient_steps": 2,
}

BACKBONE: Keywords = {"width": 16, "unroll": 4, "radius": 10.0}
"""The recursive network of UPI-TRM, for `trm_*`: keywords of `trm_agents.recursion.token_network`."""

# A goal is some twenty moves away, so rewards travel far. Batches are large: a maze that occurs twice is unrolled once.
WALK_PPO: Keywords = {
    "n_steps": 64,
    "batch_size": 256,
    "n_epochs": 4,
    "gamma": 0.97,
    "gae_lambda": 0.9,
    "ent_coef": 0.01,
}
# Every rollout has a depth of its own: large ones keep what one of them teaches from being lost by the next.
TRM_WALK_PPO: Keywords = {
    **WALK_PPO,
    "batch_size": 1024,
    "ent_coef": 0.003,
    "learning_rate": [4e-3, 1e-5],
    "vf_coef": 0.5,
}
WALK_OVERRIDES: dict[str, Keywords] = {"MazeWalk": WALK_PPO, "OpenMazeWalk": WALK_PPO}
# A wrong digit ends the episode some placements later, so advantages look further ahead than in plan editing.
TRM_PLACE_PPO: Keywords = {
    "n_steps": 64,
    "batch_size": 512,
    "n_epochs": 4,
    "gae_lambda": 0.9,
    "learning_rate": [4e-3, 3e-4],
}
TRM_OVERRIDES: dict[str, Keywords] = {
    "MazeWalk": TRM_WALK_PPO,
    "OpenMazeWalk": TRM_WALK_PPO,
    "SudokuPlace-9x9": TRM_PLACE_PPO,
}
WALKING: Keywords = {"mixer": "exact_cover", "h_dim": 16, "n_h_layers": 1, "k_cycles": 20}
"""The recursive policy of `trm_*` where edits are moves: keywords of `trm_agents.recursive_policies.Options`."""
WALKING_AT_DEPTHS: Keywords = {**WALKING, "k_cycles": 48, "gradient_cycles": 12}
"""The same where the number of cycles is drawn anew for each rollout, from 8 to twice `k_cycles`."""
WALKING_DEEP: Keywords = {**WALKING, "k_cycles": 96, "gradient_cycles": 16, "maxima": 0.5}
"""The same with more cycles than any answer needs, the last of which are learned from."""

REINFORCE: Keywords = {"learning_rate": 2e-3}
TRM_REINFORCE: Keywords = {"learning_rate": 2e-3}

# TRC's own training on first states alone: the same loss and the same gradients, one edit, and no simulator's answer.
MLP_CONTROL: Keywords = {
    **presets.TRC,
    "unroll": 1,
    "restart": 1.0,
    "exploration": 0.0,
    "policy_kwargs": {"width": 64},
}
MLP_CONTROL_OVERRIDES: dict[str, Keywords] = {
    "ControlPlanEdit-PoweredDescent": {"batch_size": 24, "policy_kwargs": {"width": 96}},
}
# Actions begin near 0 and with little noise: edits of size 1 in all numbers at once teach nothing.
PPO_EDIT: Keywords = {
    "learning_rate": 3e-4,
    "n_steps": 60,
    "batch_size": 240,
    "n_epochs": 10,
    "gamma": 0.99,
    "gae_lambda": 0.95,
    "policy_kwargs": {"log_std_init": -2.0},
}
PPO_EDIT_OVERRIDES: dict[str, Keywords] = {
    "ControlPlanEdit-DoubleIntegratorTight": {
        "learning_rate": 1e-4,
        "n_epochs": 20,
        "gae_lambda": 0.8,
        "policy_kwargs": {"log_std_init": -3.0},
    },
    "ControlPlanEdit-VanDerPol": {
        "learning_rate": 1e-4,
        "n_steps": 30,
        "n_epochs": 5,
        "gae_lambda": 0.8,
        "ent_coef": 0.01,
        "policy_kwargs": {"log_std_init": -3.0},
    },
    "ControlPlanEdit-PoweredDescent": {
        "learning_rate": 1e-4,
        "n_steps": 120,
        "n_epochs": 20,
        "gae_lambda": 1.0,
        "policy_kwargs": {"log_std_init": -1.0},
    },
}
# Episodes have an end that is observed, so nothing has to be discounted. What is not said is SB3's default.
PPO_STEP: Keywords = {"learning_rate": 1e-3, "n_steps": 300, "batch_size": 240, "gamma": 1.0}
PPO_STEP_OVERRIDES: dict[str, Keywords] = {
    "ControlPlanEdit-DoubleIntegratorTight": {"n_steps": 75, "n_epochs": 5, "policy_kwargs": {"log_std_init": -1.0}},
    "ControlPlanEdit-VanDerPol": {
        "learning_rate": 3e-3,
        "n_steps": 150,
        "n_epochs": 5,
        "gae_lambda": 1.0,
        "ent_coef": 0.01,
    },
}
# A smaller network than SB3's, and a gradient step for every four steps of the sixteen environments.
SAC_STEP: Keywords = {
    "gamma": 1.0,
    "learning_starts": 1_000,
    "gradient_steps": 4,
    "policy_kwargs": {"net_arch": [64, 64]},
}
SAC_STEP_OVERRIDES: dict[str, Keywords] = {
    "ControlPlanEdit-DoubleIntegratorTight": {
        "learning_rate": 1e-3,
        "gradient_steps": 16,
        "batch_size": 128,
        "tau": 0.02,
        "ent_coef": 0.1,
        "policy_kwargs": {"net_arch": [256, 256]},
    },
    "ControlPlanEdit-VanDerPol": {"learning_rate": 1e-3, "batch_size": 128, "tau": 0.02},
}
