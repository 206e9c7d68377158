"""What the methods of older rows are called today: the one table behind `published_as`.

Rows of the first edition were run when one class was both algorithms, and when the restarts of a policy stood among its
settings. A new name is what such a row would be asked for with today. Where a setting has no name today, the old one is
kept in it. What a row was run with, restarts with or without guesses for one thing, is in the settings at its commit.

Policies that walk had small rollouts at first. A name of then is today that of the row with these settings.
"""

from __future__ import annotations

from typing import NamedTuple

_HINDSIGHT, _UPI = "hindsight_trm", "upi_trm"


class Old(NamedTuple):
    """Which rows are meant: those of a name, or of a name on a suite after so many steps."""

    published_as: str
    suite: str = ""
    steps: int = 0


_ATTEMPTS = {
    Old(_UPI, suite, steps): f"{_HINDSIGHT}+attempts={count}"
    for suite, steps, count in (
        ("sudoku-9x9", 60_000, 32),
        ("sudoku-9x9", 200_000, 127),
        ("sudoku-9x9", 350_000, 32),
        ("sudoku-9x9-sparse", 60_000, 127),
        ("sudoku-9x9-minimal", 60_000, 32),
        ("sudoku-9x9-hard", 60_000, 127),
        ("maze-9x9", 50_000, 32),
        ("maze-9x9", 120_000, 32),
        ("maze-15x15", 180_000, 511),
        ("maze-15x15-from-9x9", 120_000, 511),
    )
}
"""Agents with restarts, as many as the settings had at the commit of their rows."""

_HARD = {
    Old(f"{_UPI}@{old}", "sudoku-9x9-hard", 60_000): f"{_HINDSIGHT}@{new}+attempts=127"
    for old, new in (
        ("env.curriculum=null", "env.curriculum=null"),
        ("search_instances=0", "search=null"),
        ("prior_steps=1", "checker_steps=1"),
        ("env.retry=0", "env.retry=0"),
        ("deep_supervision=false", "deep_supervision=false"),
        ("ema_decay=0", "ema_decay=0"),
        ("policy_kwargs.tokens=cells", "policy_kwargs.core.kind=cells"),
        (
            "policy_kwargs.tokens=cells@policy_kwargs.augment=false",
            "policy_kwargs.core.kind=cells@policy_kwargs.core.symmetries=false",
        ),
        *(
            (
                f"unroll={n}@min_unroll={n}@max_unroll={n}@backprop_steps={n}@carried_unroll={n}",
                f"unroll={n}@train_unroll=[{n},{n},{n}]@carry_unroll={n}",
            )
            for n in (1, 2, 4, 6, 8)
        ),
    )
}
"""Variants with the restarts of their suite."""

_VARIANTS = {
    Old(f"{_UPI}@{old}"): f"{_HINDSIGHT}{new}"
    for old, new in (
        ("policy_kwargs.restarts=0", ""),
        ("latent=episodic@carried_unroll=null@policy_kwargs.restarts=0", "@carry_unroll=null"),
        ("prior_steps=1", "@checker_steps=1"),
        ("prior_steps=80000", "@checker_steps=80000"),
        ("unroll=1", "@unroll=1"),
        ("unroll=2", "@unroll=2"),
        ("unroll=6", "@unroll=6"),
        ("unroll=8", "@unroll=8"),
        ("radius=null", "@policy_kwargs.radius=null"),
        ("radius=1", "@policy_kwargs.radius=1"),
        ("deep_supervision=false", "@deep_supervision=false"),
        ("ema_decay=0", "@ema_decay=0"),
        ("latent=persistent", "@carry_unroll=4"),
        (
            "policy_kwargs.optimizer_kwargs.weight_decay=0.01",
            "@policy_kwargs.optimizer_kwargs.weight_decay=0.01",
        ),
        ("policy_kwargs.width=8", "@policy_kwargs.width=8"),
        ("policy_kwargs.tokens=cells", "@policy_kwargs.core.kind=cells"),
        (
            "policy_kwargs.tokens=cells@policy_kwargs.augment=false",
            "@policy_kwargs.core.kind=cells@policy_kwargs.core.symmetries=false",
        ),
        ("env.retry=0.3", "@env.retry=0.3"),
        ("search_instances=4", "@search.instances=4"),
        ("backprop_steps=2", "@train_unroll=[4,4,2]"),
        ("right_weight=1.0", "@solved_cell_weight=1.0"),
        ("min_unroll=2@max_unroll=8", "@train_unroll=[2,8,8]"),
        *(
            (
                f"unroll={n}@min_unroll={n // 2}@prior_steps=16000",
                f"@unroll={n}@train_unroll=[{n // 2},{n},{n}]@checker_steps=16000",
            )
            for n in (2, 4, 8)
        ),
        ("unroll=2@radius=null", "@unroll=2@policy_kwargs.radius=null"),
        *(
            (
                f"unroll=2@contraction={kind}@lipschitz={bound}{ball and '@radius=null'}",
                f"@unroll=2@policy_kwargs.core.kind={core}@policy_kwargs.core.lipschitz={bound}"
                f"{ball and '@policy_kwargs.radius=null'}",
            )
            for kind, core, bounds in (
                ("clamp", "clamped", (0.9,)),
                ("certified", "certified", (0.9, 0.7, 0.5, 0.2, 0.02)),
            )
            for bound in bounds
            for ball in ("", "@")
        ),
    )
}
"""Variants of the row with the hindsight target, those of the depth study among them."""

_K_STEP = {
    Old(f"{_UPI}-k_step@{old}"): f"{_UPI}@{new}"
    for old, new in (
        ("mixture_alpha=0.1", "mixture.alpha=0.1"),
        ("mixture_alpha=0.25", "mixture.alpha=0.25"),
        ("mixture_alpha=1.0", "mixture.alpha=1.0"),
        ("bootstrap_horizon=1", "target.horizon=1"),
        ("prior=0.0", "checker_weight=0.0"),
        ("prior=1.0", "checker_weight=1.0"),
        ("beta=1.0", "beta=1.0"),
        ("unroll=1", "unroll=1"),
        ("unroll=2", "unroll=2"),
        ("unroll=8", "unroll=8"),
        ("deep_supervision=false", "deep_supervision=false"),
        ("radius=null", "policy_kwargs.radius=null"),
        ("conservative=exact", "mixture.kind=exact"),
        ("advantage=readout", "advantage=readout"),
    )
}

_CERTIFIED = {
    Old(f"{_UPI}-certified@lipschitz={bound}@unroll={n}@min_unroll={n // 2}"): (
        f"{_HINDSIGHT}-certified@policy_kwargs.core.lipschitz={bound}@unroll={n}@train_unroll=[{n // 2},{n},{n}]"
    )
    for bound in (0.5, 0.7, 0.9, 0.95, 0.99)
    for n in (2, 4, 8)
}

_SMALL_ROLLOUTS = "@n_steps=16@batch_size=256@ent_coef=0.01@learning_rate=[4e-3,3e-4]"
_DRAWN = "trm_ppo@k_cycles=32@depths=[8,64]@gradient_cycles=12"
_WALKS = {
    Old(f"{old}{cycles and f'+cycles={cycles}'}", "walk-7x7", steps): (
        f"{new}{_SMALL_ROLLOUTS}{cycles and f'+cycles={cycles}'}"
    )
    for old, new, steps, counts in (
        ("trm_ppo", "trm_ppo@k_cycles=20", 120_000, ("", 5, 10, 15, 30, 40)),
        (_DRAWN, _DRAWN, 200_000, ("", 8, 16, 24, 48, 64, 96, 128)),
        *(
            (f"trm_ppo@{network}", f"trm_ppo@{network}", 120_000, ("",))
            for network in (
                "mixer=conv@k_cycles=1@n_h_layers=4@h_dim=6@l_dim=1",
                "mixer=neighbours@k_cycles=1@n_h_layers=20@h_dim=4@l_dim=1",
            )
        ),
    )
    for cycles in counts
}
"""Rows of PPO on walks before rollouts were large, and depths drawn."""

_DEEP_PASSES = {
    Old(f"trm_ppo@k_cycles=96@gradient_cycles=16@maxima=0.5{cycles}"): f"trm_ppo-deep{cycles}"
    for cycles in ("", "+cycles=64", "+cycles=192")
}
"""Rows of deep passes before they had a row of their own."""

NAMES: dict[Old, str] = {
    **_ATTEMPTS,
    Old(_UPI): _HINDSIGHT,
    Old(f"{_UPI}-k_step"): _UPI,
    Old(f"{_UPI}-certified"): f"{_HINDSIGHT}-certified",
    **_HARD,
    **_VARIANTS,
    **_K_STEP,
    **_CERTIFIED,
    **_WALKS,
    **_DEEP_PASSES,
}
"""The name today; names that are not here are the same."""

SETTINGS = {
    "replay_ratio": "train_ratio",
    "prior_steps": "checker_steps",
    "prior": "checker_weight",
    "mixture_alpha": "mixture.alpha",
    "bootstrap_horizon": "target.horizon",
}
"""Settings of the published tuning, by the name that they had."""


def name_today(published_as: str, suite: str = "", steps: int = 0) -> str:
    """What the method of an older row is called today.

    Args:
        published_as: its name then.
        suite: what the row is a result on.
        steps: budget of environment steps.
    """
    return NAMES.get(Old(published_as, suite, steps), NAMES.get(Old(published_as), published_as))
