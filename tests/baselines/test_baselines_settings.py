"""Settings in names: which there are, and of which type."""

from __future__ import annotations

import pytest
from model_helpers import ENV_ID
from stable_baselines3.common.callbacks import BaseCallback

from baselines import METHODS, method
from baselines.settings import check
from baselines.spaces import SPACES


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("hindsight_trm@depth=3", "no setting 'depth'.*unroll"),
        ("hindsight_trm@env=3", "no setting 'env'"),
        ("hindsight_trm@unroll.x=3", "no setting 'unroll.x'"),
        ("hindsight_trm@policy_kwargs.x=1", r"no setting 'policy_kwargs.x'; .*policy_kwargs\.width"),
        ("hindsight_trm@policy_kwargs.optimizer_kwargs.decay=1", r"\.optimizer_kwargs\.weight_decay"),
        ("hindsight_trm@search.x=1", r"no setting 'search.x'; known ones: search\.calls"),
        ("hindsight_trm@env.x=3", r"no setting 'env.x'; .*env\.retry"),
        ("upi_trm@mixture.capacity=2", "no setting 'mixture.capacity'"),
        ("trm_ppo@policy_kwargs.net_arch=[3]", r"no setting 'policy_kwargs.net_arch'; .*network\.KEY"),
        ("trm_ppo@network.x=3", r"no setting 'network.x'; .*network\.width"),
        ("trm_ppo@k_cycle=3", r"no setting 'k_cycle'; .*k_cycles"),
        ("trm_ppo@groups=3", "no setting 'groups'"),
        ("trm_ppo@carry=true", "mixer='exact_cover' has one layer"),
        ("trm_ppo@k_cycles=3@network.unroll=2", "no setting 'k_cycles'"),
        ("trm_reinforce@policy_kwargs.h_dim=3", r"no setting 'policy_kwargs.h_dim'"),
        ("dqn@k_cycles=3", "no setting 'k_cycles'"),
        ("ppo@seed=3", "no setting 'seed'"),
        ("hindsight_trm@search=null@search.instances=4", "'search' and 'search.instances' set the same thing"),
        ("hindsight_trm@unroll=2@unroll=3", "gives a setting twice"),
        ("hindsight_trm@unroll", "NAME@SETTING=VALUE.*'unroll'"),
        ("ppo@network.unroll=2", "'ppo' has no settings of a network"),
        ("nothing@unroll=2", "unknown method 'nothing@unroll=2'"),
    ],
)
def test_a_wrong_variant_names_the_mistake(name: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        method(name)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("hindsight_trm@deep_supervision=False", "deep_supervision='False' .*true or false; the word is spelt false"),
        ("hindsight_trm@env.shaping=False", r"env\.shaping='False' .*the word is spelt false"),
        ("hindsight_trm@search=None", "search='None' .*or null; the word is spelt null"),
        ("upi_trm@mixture.alpha=False", r"mixture\.alpha='False' .*the word is spelt false"),
        ("hindsight_trm@deep_supervision=0", "deep_supervision=0 .*true or false"),
        ("hindsight_trm@unroll=true", "unroll=True .*an integer"),
        ("hindsight_trm@unroll=2.5", r"unroll=2\.5 .*an integer"),
        ("hindsight_trm@beta=abc", "beta='abc' .*a number"),
        ("hindsight_trm@beta=NaN", "beta=nan .*a number"),
        ("hindsight_trm@train_unroll=[2,2]", r"train_unroll=\[2, 2\] .*\[low, high, gradient\] or null"),
        ("hindsight_trm@learning_rate=[1,2,3]", r"learning_rate=.* a list \[first, last\] or a number"),
        ("hindsight_trm@policy_kwargs.core.kind=cell", r"unknown kind 'cell' of policy_kwargs\.core; known ones: "),
        ("hindsight_trm@search.instances=true", r"search\.instances=True .*an integer"),
        ("upi_trm@mixture.kind=exactt", "unknown kind 'exactt' of mixture; known ones: distilled, exact"),
        ("trm_ppo@mixer=cov", "mixer='cov' .*'conv' or .*'exact_cover' or null"),
        ("trm_ppo@depths=3", r"depths=3 .*a list \[least, most\]"),
        ("trm_ppo@depths=[4]", r"depths=\[4\] .*a list \[least, most\]"),
        ("trm_ppo@depths=[4,2]", "1 <= least <= most, got 4 and 2"),
        ("trm_ppo@k_cycles=2.5", r"k_cycles=2\.5 .*an integer"),
        ("trm_reinforce@carry=1", "carry=1 .*true or false"),
        ("upi_trm@policy_kwargs.core=dense", r"policy_kwargs\.core='dense' .*given by core\.SETTING"),
    ],
)
def test_a_setting_of_another_type_is_refused_by_name(name: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        method(name)


def test_right_words_are_the_values_that_they_name() -> None:
    row = METHODS["hindsight_trm@deep_supervision=false@env.shaping=false@search=null@train_unroll=[2,4,2]"]
    found = row.hyperparameters_for("SudokuPlanEdit-9x9-v0")
    assert (found["deep_supervision"], found["search"], found["train_unroll"]) == (False, None, [2, 4, 2])
    assert row.training == {"shaping": False}
    exact = METHODS["upi_trm@mixture.kind=exact@mixture.capacity=4"].hyperparameters_for(ENV_ID)
    assert exact["mixture"] == {"kind": "exact", "capacity": 4}


def test_every_setting_of_the_registry_and_of_the_search_spaces_has_its_type() -> None:
    for row in METHODS.values():
        for settings in (row.hyperparameters, *row.overrides.values()):
            check(row.with_settings(settings), settings)
    for name, space in SPACES.items():
        tried = [{key: value} for key, values in space.choices.items() for value in values]
        for settings in (*tried, *space.first):
            check(METHODS[name].with_settings(settings), settings)


def test_words_of_a_recursive_policy_are_for_walking_and_a_network_for_everything_else() -> None:
    walk, edit = "MazeWalk-5x5-v0", ENV_ID
    row = METHODS["trm_ppo"]
    assert row.supports(walk) and row.supports(edit)
    words, network = METHODS["trm_ppo@k_cycles=2@mixer=conv"], METHODS["trm_ppo@network.unroll=2"]
    assert words.supports(walk) and not words.supports(edit)
    assert network.supports(edit) and not network.supports(walk)
    made = words.make(walk, {}, seed=0)
    assert (made.policy.options.k_cycles, made.policy.options.mixer) == (2, "conv")
    assert row.make(walk, {}, seed=0).policy.options.mixer == "exact_cover"
    assert METHODS["trm_reinforce@k_cycles=5"].make(walk, {}, seed=0).policy.options.k_cycles == 5
    deep = METHODS["trm_ppo@depths=[2,5]"].walking
    assert deep is not None and [(each.least, each.most) for each in deep.callbacks()] == [(2, 5)]


def test_another_number_of_cycles_is_one_depth_unless_depths_are_named() -> None:
    def trained(name: str) -> tuple[object, object]:
        walking = METHODS[name].walking
        assert walking is not None
        return walking.depths, walking.words.get("gradient_cycles")

    assert trained("trm_ppo") == trained("trm_ppo@mixer=conv") == ((8, 96), 12)
    assert trained("trm_ppo@k_cycles=5") == trained("trm_ppo@depths=null@gradient_cycles=null") == (None, None)
    assert trained("trm_ppo@k_cycles=9@depths=[4,16]@gradient_cycles=6") == ((4, 16), 6)


def test_depths_are_drawn_where_edits_are_moves_and_nowhere_else() -> None:
    seen: list[int] = []

    class Watch(BaseCallback):
        def _on_rollout_end(self) -> None:
            seen.append(self.model.policy.readings.network.unroll)

        def _on_step(self) -> bool:
            return True

    row = METHODS["trm_ppo"]
    for env_id, steps in (("SudokuPlace-4x4-v0", 600), ("OpenMazeWalk-5x5-v0", 64 * 64 * 3)):
        row.make(env_id, {}, seed=0).learn(steps, callback=[*row.callbacks(env_id), Watch()])
    puzzles, walks = seen[:-3], seen[-3:]
    assert set(puzzles) == {4} and len(puzzles) > 1
    assert len(set(walks)) > 1 and all(8 <= depth <= 96 for depth in walks)
