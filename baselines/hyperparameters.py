"""Hyperparameters of the rows, as data: the settings that are used.

Of the methods in benchmarks/published/tuning.csv those named in `baselines.spaces` were chosen by `python -m benchmarks
tune`, with as many trials for each; a test holds them against the rows, and docs/results.md shows all trials. The other
methods' were tried by hand, as docs/tried.md says; the rest are defaults.
"""

from __future__ import annotations

from typing import Any

Keywords = dict[str, Any]
"""Keywords of an algorithm; a list of two learning rates stands for a linear fall from one to the other."""

# 5 steps of 50 environments divide round budgets: an iteration never overshoots them.
UPI_TRM: Keywords = {
    "target": "hindsight",
    "learning_rate": [4e-3, 2e-4],
    "n_steps": 5,
    "batch_size": 32,
    "unroll": 4,
    "prior_steps": 8_000,
}
# Telling apart what is on the path and what is not is the whole task: both weigh the same. News of a gap has to travel
# the length of a way, so states are deep, and gradients flow through the end of them. Other starts lead to other ways.
_MAZE: Keywords = {
    "policy_kwargs": {"restarts": 32, "restart_unroll": 144},
    "learning_rate": [8e-3, 1e-4],
    "batch_size": 16,
    "replay_ratio": 1.25,
    "right_weight": 1.0,
    "unroll": 48,
    "min_unroll": 8,
    "max_unroll": 56,
    "backprop_steps": 14,
    "prior_steps": 40_000,
    "search_instances": 8,
    "search_budget": 100,
    "search_solutions": 4,
    "ema_decay": 0.998,
}
# 4x4 puzzles have few orbits: trained on long enough, the network fits those of the training pool and loses others.
_REGULARISED: Keywords = {"policy_kwargs": {"optimizer_kwargs": {"weight_decay": 1.0}}}
# Deep states find out what shallow ones do not, as long as gradients do not flow through all of it. Puzzles that the
# agent fails at would never be learned from: the search solves them, though with the shaped reward no gain has shown.
_DEEP: Keywords = {
    "unroll": 20,
    "min_unroll": 6,
    "max_unroll": 24,
    "backprop_steps": 12,
    "prior_steps": 40_000,
    "search_instances": 4,
    "search_budget": 100,
}
# The latent of the state before remembers what has been tried, and has done most of the work already. What it settles
# on may be wrong, as the checker tells, and other starts and guesses lead elsewhere.
_LARGE_SUDOKU: Keywords = {
    **_DEEP,
    "latent": "persistent",
    "carried_unroll": 12,
    "policy_kwargs": {"restarts": 127, "restart_unroll": 120, "guess_unroll": 20},
}
UPI_TRM_OVERRIDES: dict[str, Keywords] = {
    "SudokuPlanEdit-4x4": _REGULARISED,
    "SudokuPlanEdit-9x9": _LARGE_SUDOKU,
    # Their 90 to 120 blanks of 256 take no long chains of logic.
    "SudokuPlanEdit-16x16": {"unroll": 10, "min_unroll": 6, "prior_steps": 20_000},
    "MazePlanEdit": _MAZE,
    "MazePlanEdit-15x15": {
        "policy_kwargs": {"restarts": 511, "restart_unroll": 100, "refinements": 7},
        "unroll": 72,
        "min_unroll": 12,
        "max_unroll": 96,
    },
}

# A contraction forgets, so it takes more inner steps; the checker's advice is withdrawn at half the speed.
UPI_TRM_CERTIFIED: Keywords = {
    **UPI_TRM,
    "contraction": "certified",
    "lipschitz": 0.9,
    "unroll": 8,
    "min_unroll": 4,
    "prior_steps": 16_000,
}
UPI_TRM_CERTIFIED_OVERRIDES: dict[str, Keywords] = {
    # It learns little from each gradient step: smaller batches make more of them.
    "SudokuPlanEdit-9x9": {**_DEEP, "batch_size": 16},
    "SudokuPlanEdit-16x16": _DEEP,
    "MazePlanEdit": {"unroll": 24, "min_unroll": 16, "prior_steps": 80_000, "search_instances": 4},
}

# 25 steps of 16 environments divide them too.
K_STEP: Keywords = {"learning_rate": [3e-3, 3e-4], "n_steps": 25, "unroll": 4}
K_STEP_EXACT: Keywords = {**K_STEP, "conservative": "exact", "mixture_alpha": 0.3}
STAGE_0: Keywords = {**K_STEP, "prior": 1.0}
# Enumerating hundreds of successors of hundreds of tokens is what takes the time there: values are read instead.
_LARGE: Keywords = {"advantage": "readout", "n_epochs": 2}
K_STEP_OVERRIDES: dict[str, Keywords] = {
    "SudokuPlanEdit-9x9": _LARGE,
    "SudokuPlanEdit-16x16": _LARGE,
    "MazePlanEdit-31x31": _LARGE,
}

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
MASKABLE_PPO_TRAINING: Keywords = {"violation_weight": 4.0}

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
