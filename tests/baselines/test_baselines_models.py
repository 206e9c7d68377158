"""Every row of the registry: builds, learns, predicts, counts, saves and loads."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from model_helpers import ENV_ID, STEPS, problem_states, small

from baselines import LINES, METHODS, gradient_steps, known_to, method, model_queries, parameters, row_of
from baselines.agents import recursive_networks
from benchmarks.protocol.evaluation import evaluate
from benchmarks.protocol.suites import SUITES, Suite, pool
from trm_envs.maze.env import maze_problem
from trm_envs.plan_edit.spaces import observe

TRM_PPO_LIKE = ["trm_ppo", "trm_a2c", "trm_dqn", "trm_maskable_ppo", "trm_maskable_ppo-consistent"]

SIZED = ["hindsight_trm-attention"]
"""Rows with a recursive network whose weights have the size of the grid."""
PUZZLERS = [name for name, row in METHODS.items() if row.supports(ENV_ID)]
ELSEWHERE = [
    row for row in SUITES.values() if (row.trained_on or row.begun_on) and not row.env_id.startswith("Control")
]


def level_of(name: str) -> str:
    return METHODS[name].legal_actions or "givens"


def global_draws() -> tuple[float, float]:
    return float(np.random.random()), float(torch.rand(()))


@pytest.mark.parametrize("name", PUZZLERS)
def test_learns_predicts_saves_and_loads(name: str, tmp_path: Path) -> None:
    model = small(name).learn(STEPS)
    mdp, states = problem_states(level_of(name))
    before = METHODS[name].agent(model, mdp, np.random.default_rng(0)).act(states)
    assert before.dtype == np.int64 and before.shape == (6,)
    assert ((before >= 0) & (before < mdp.n_actions)).all()
    assert model.num_timesteps >= STEPS and gradient_steps(model) > 0
    model.save(tmp_path / "model.zip")
    loaded = METHODS[name].load(str(tmp_path / "model.zip"), ENV_ID, {})
    agent = METHODS[name].agent(loaded, mdp, np.random.default_rng(0))
    assert np.array_equal(agent.act(states), before)
    assert gradient_steps(loaded) == gradient_steps(model) and model_queries(loaded) == model_queries(model)
    loaded.learn(STEPS, reset_num_timesteps=False)
    assert loaded.num_timesteps >= 2 * STEPS and gradient_steps(loaded) > gradient_steps(model)


@pytest.mark.parametrize(
    "name", ["hindsight_trm", "upi_trm", "ppo", "maskable_ppo", "trm_a2c", "trm_dqn", "trm_maskable_ppo"]
)
def test_learns_mazes(name: str) -> None:
    model = small(name, env_id="MazePlanEdit-5x5-v0").learn(4 * STEPS)
    mdp, source = maze_problem(5, split="validation")
    states = mdp.initial(np.stack([source.sample(np.random.default_rng(0))] * 3))
    assert METHODS[name].agent(model, mdp, np.random.default_rng(0)).act(states).shape == (3,)
    assert gradient_steps(model) > 0


@pytest.mark.parametrize("name", PUZZLERS)
def test_evaluating_leaves_training_as_it_is(name: str) -> None:
    model = small(name)
    mdp, states = problem_states(level_of(name))
    agent = METHODS[name].agent(model, mdp, np.random.default_rng(0))
    torch.manual_seed(1)
    np.random.seed(1)
    expected, action_rng = global_draws(), model.action_space.np_random.bit_generator.state
    torch.manual_seed(1)
    np.random.seed(1)
    for deterministic in (True, False):
        agent.act(states, deterministic)
    assert global_draws() == expected
    assert model.action_space.np_random.bit_generator.state == action_rng


@pytest.mark.parametrize("name", ["ppo", "dqn", "maskable_ppo", "trm_ppo", "hindsight_trm"])
def test_sampled_actions_depend_on_the_agents_generator_alone(name: str) -> None:
    model = small(name).learn(STEPS)
    mdp, states = problem_states(count=40)

    def sampled(seed: int) -> list[int]:
        torch.manual_seed(int(np.random.default_rng().integers(2**31)))
        return [int(a) for a in METHODS[name].agent(model, mdp, np.random.default_rng(seed)).act(states, False)]

    assert sampled(0) == sampled(0)
    if name != "dqn":  # Its epsilon is drawn once for the whole batch and may well leave it greedy.
        assert sampled(0) != sampled(1)


@pytest.mark.parametrize("name", [name for name in PUZZLERS if METHODS[name].masks or METHODS[name].resumes_exactly])
def test_masked_rows_act_legally_even_when_sampled(name: str) -> None:
    mdp, states = problem_states(level_of(name), count=200)
    actions = METHODS[name].agent(small(name), mdp, np.random.default_rng(0)).act(states, deterministic=False)
    assert mdp.action_mask(states)[np.arange(200), actions].all()


def test_hindsight_trm_takes_legal_actions_from_the_mdp_it_is_evaluated_in() -> None:
    mdp, states = problem_states("consistent", count=200)
    model = small("hindsight_trm")
    agent = METHODS["hindsight_trm"].agent(model, mdp, np.random.default_rng(0))
    actions = agent.act(states, deterministic=False)
    assert mdp.action_mask(states)[np.arange(200), actions].all()
    own: Any = model.policy
    assert own.mdp.legal_actions == "givens"


def test_rows_ask_for_their_level() -> None:
    levels = {
        name: small(name).get_env().get_attr("mdp")[0].legal_actions for name in ("maskable_ppo-consistent", "ppo")
    }
    assert levels == {"maskable_ppo-consistent": "consistent", "ppo": "givens"}


def test_gradient_steps_are_exact() -> None:
    ppo = small("ppo").learn(2 * 64)
    assert gradient_steps(ppo) == 2 * (64 // 32) * METHODS["ppo"].hyperparameters["n_epochs"]
    assert gradient_steps(small("a2c").learn(2 * 16)) == 2
    dqn = small("dqn").learn(48)
    # A call steps 4 environments; the 4 calls up to `learning_starts` do not train.
    assert gradient_steps(dqn) == (48 - 16) // 4
    assert model_queries(dqn) == 0


@pytest.mark.parametrize("name", ["ppo", "upi_trm"])
def test_discount_is_that_of_the_shaping(name: str) -> None:
    assert small(name, gamma=0.9).gamma == 0.9


def test_uncounted_model_is_refused() -> None:
    from stable_baselines3 import PPO

    with pytest.raises(ValueError, match=r"row of baselines\.METHODS"):
        gradient_steps(PPO("MlpPolicy", "CartPole-v1"))


@pytest.mark.parametrize("name", TRM_PPO_LIKE)
def test_backbone_is_that_of_upi_trm(name: str) -> None:
    ours = recursive_networks(small("upi_trm"))[0]
    theirs = recursive_networks(small(name))
    assert {n: p.shape for n, p in theirs[0].named_parameters()} == {n: p.shape for n, p in ours.named_parameters()}
    assert (theirs[0].unroll, theirs[0].radius) == (ours.unroll, ours.radius)
    assert parameters(small(name)) == parameters(small("upi_trm")) == sum(p.numel() for p in ours.parameters())


@pytest.mark.parametrize("name", [*TRM_PPO_LIKE, "hindsight_trm", "upi_trm"])
def test_unroll_is_used_and_put_back(name: str) -> None:
    model = small(name).learn(STEPS)
    mdp, states = problem_states()
    seen: list[int] = []
    networks = recursive_networks(model)
    own = [network.unroll for network in networks]
    for network in networks:

        def counting(injection: Any, latent: Any, steps: int, *rest: Any, unroll: Any = network.core.unroll) -> Any:
            seen.append(steps)
            return unroll(injection, latent, steps, *rest)

        network.core.unroll = counting  # type: ignore[method-assign]
    METHODS[name].agent(model, mdp, np.random.default_rng(0), unroll=5).act(states)
    assert seen == [5]
    assert [network.unroll for network in networks] == own != [5] * len(own)


def test_a_model_is_carried_over_with_its_weights_and_the_settings_of_the_other_environment() -> None:
    small, large = "MazePlanEdit-9x9-v0", "MazePlanEdit-15x15-v0"
    model = METHODS["hindsight_trm"].make(small, {}, 0)
    torch.nn.init.normal_(next(model.policy.averaged.parameters()))
    before = torch.random.get_rng_state()
    there = METHODS["hindsight_trm"].carry_over(model, large, {})
    assert torch.equal(torch.random.get_rng_state(), before)
    for own, weight in zip(model.policy.parameters(), there.policy.parameters(), strict=True):
        assert torch.equal(own, weight)
    expected = METHODS["hindsight_trm"].hyperparameters_for(large)
    policy: Any = there.policy
    assert there.observation_space["plan"].shape == (225,)  # type: ignore[index]
    assert (policy.network.unroll, there.train_unroll) == (expected["unroll"], expected["train_unroll"])  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "name",
    [name for name in PUZZLERS if (METHODS[name].network or METHODS[name].resumes_exactly) and name not in SIZED],
)
@pytest.mark.parametrize("there", ELSEWHERE, ids=lambda s: s.name)
def test_every_recursive_row_plays_the_suites_that_begin_elsewhere(name: str, there: Suite) -> None:
    here = SUITES[there.trained_on or there.begun_on[0]]  # type: ignore[index]
    if not METHODS[name].supports(here.env_id):
        pytest.skip("it does not play there")
    model = METHODS[name].make(here.env_id, here.env_kwargs, 0)
    weights = METHODS[name].carry_over(model, there.env_id, there.env_kwargs).get_parameters()["policy"]
    assert all(torch.equal(weight, weights[key]) for key, weight in model.get_parameters()["policy"].items())


def test_what_was_carried_over_counts_on_and_trains_as_its_seed_says() -> None:
    small, large = "MazePlanEdit-5x5-v0", "MazePlanEdit-9x9-v0"
    name = "hindsight_trm@unroll=2@train_unroll=[2,2,2]"
    model = METHODS[name].make(small, {}, 0).learn(3_000)
    further = [METHODS[name].carry_over(model, large, {}, seed) for seed in (1, 1, 2)]
    for there in further:
        assert there.num_timesteps == 3_000 and 0 < gradient_steps(model) == gradient_steps(there)
        assert 0 < model_queries(model) == model_queries(there)
        there.learn(3_000, reset_num_timesteps=False)
        assert there.num_timesteps == 6_000 and gradient_steps(there) > gradient_steps(model)
    weights = [torch.nn.utils.parameters_to_vector(there.policy.parameters()) for there in further]
    assert torch.equal(weights[0], weights[1]) and not torch.equal(weights[0], weights[2])


@pytest.mark.parametrize("name", ["ppo", *SIZED])
def test_what_has_a_size_is_not_carried_over(name: str) -> None:
    model = METHODS[name].make("MazePlanEdit-5x5-v0", {}, 0)
    with pytest.raises(ValueError, match=f"'{name}' cannot be carried over to MazePlanEdit-9x9-v0"):
        METHODS[name].carry_over(model, "MazePlanEdit-9x9-v0", {})


def test_bad_unroll_is_refused() -> None:
    mdp, _ = problem_states()
    with pytest.raises(ValueError, match="recursive network, which 'ppo' lacks"):
        METHODS["ppo"].agent(small("ppo"), mdp, np.random.default_rng(0), unroll=4)
    with pytest.raises(ValueError, match="at least 1, got 0"):
        METHODS["trm_ppo"].agent(small("trm_ppo"), mdp, np.random.default_rng(0), unroll=0)


def test_same_seed_same_training() -> None:
    first, again, other = (small("trm_ppo", seed).learn(STEPS).get_parameters()["policy"] for seed in (0, 0, 1))
    assert all(torch.equal(first[key], again[key]) for key in first)
    assert any(not torch.equal(first[key], other[key]) for key in first)


def test_registry_is_data() -> None:
    rows = json.loads(json.dumps({name: dataclasses.asdict(row) for name, row in {**METHODS, **LINES}.items()}))
    assert all(name == row["name"] for name, row in rows.items())


def test_overrides_go_by_environment() -> None:
    row = dataclasses.replace(METHODS["ppo"], overrides={"SudokuPlanEdit-9x9": {"n_steps": 7}})
    assert row.hyperparameters_for("trm_envs:SudokuPlanEdit-9x9-v0")["n_steps"] == 7
    assert row.hyperparameters_for(ENV_ID) == row.hyperparameters
    assert METHODS["dqn"].hyperparameters_for("MazePlanEdit-31x31-v0")["buffer_size"] == 5_000


def test_every_override_is_of_a_registered_environment() -> None:
    ids = [row.env_id for row in SUITES.values()]
    for row in METHODS.values():
        for prefix in (*row.overrides, *getattr(row, "training_overrides", {})):
            assert any(env_id.startswith(prefix) for env_id in ids), f"{row.name}: no suite plays {prefix}"


def test_placing_on_9x9_looks_further_ahead_than_editing() -> None:
    row = METHODS["trm_maskable_ppo"]
    placing, editing = (row.hyperparameters_for(f"Sudoku{kind}-9x9-v0") for kind in ("Place", "PlanEdit"))
    assert placing["gae_lambda"] > editing["gae_lambda"]
    assert row.hyperparameters_for("SudokuPlace-4x4-v0") == editing


def test_unknown_method_names_the_known_ones() -> None:
    with pytest.raises(
        ValueError,
        match=r"'nothing'.*hindsight_trm, hindsight_trm-certified, hindsight_trm-attention, upi_trm, upi_trm-exact",
    ):
        method("nothing")


def test_listing_needs_no_torch() -> None:
    code = "import sys, baselines; print('torch' in sys.modules or 'stable_baselines3' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"


def test_variants_are_rows_with_other_settings() -> None:
    name = (
        "hindsight_trm@unroll=3@policy_kwargs.radius=null@env.retry=0.5@policy_kwargs.optimizer_kwargs.weight_decay=0"
    )
    row, plain = METHODS[name], METHODS["hindsight_trm"]
    assert name in METHODS and row.name == name and name not in list(METHODS)
    ordinary = plain.hyperparameters_for(ENV_ID)
    assert ordinary["policy_kwargs"]["optimizer_kwargs"]["weight_decay"] == 1.0
    changed = {"unroll": 3, "policy_kwargs": {"optimizer_kwargs": {"weight_decay": 0}, "radius": None}}
    assert row.hyperparameters_for(ENV_ID) == {**ordinary, **changed}
    # Settings win over those of a size, and leave the row that they come from alone.
    assert METHODS["hindsight_trm@unroll=3"].hyperparameters_for("SudokuPlanEdit-9x9-v0")["unroll"] == 3
    assert plain.hyperparameters_for(ENV_ID) == ordinary
    assert row.training == {"retry": 0.5} and plain.training == {}
    model = METHODS[name].make(ENV_ID, {}, 0)
    assert model.policy.network.unroll == 3 and model.policy.network.radius is None  # type: ignore[union-attr]
    assert METHODS["trm_ppo@network.unroll=2"].network == {**METHODS["trm_ppo"].network, "unroll": 2}


def test_an_agent_carries_persistent_latents_through_its_episodes() -> None:
    """All episodes at once, which end at different times, against one by one through `predict` and its state."""
    name = "hindsight_trm@unroll=4@carry_unroll=2"
    model = METHODS[name].make(ENV_ID, {"blanks": (6, 8)}, 0).learn(2_000)
    mdp, instances = pool(ENV_ID, {"blanks": (6, 8)}, "validation")
    chosen = instances[::30]
    agent = METHODS[name].agent(model, mdp, np.random.default_rng(0))
    together = [evaluate(agent, mdp, chosen).edits.tolist() for _ in range(2)]
    alone, forgetful = [], []
    for instance in chosen:
        for edits, remembers in ((alone, True), (forgetful, False)):
            states, carried, ended, count = mdp.initial(instance[None]), None, False, 0
            while not ended:
                actions, carried = model.predict(observe(states), carried if remembers else None, deterministic=True)
                transition = mdp.transition(states, actions)
                states, ended, count = transition.successors, bool(transition.terminated[0]), count + 1
            edits.append(count)
    assert together == [alone, alone] and len(set(alone)) > 1 and alone != forgetful


def test_a_row_says_what_is_true_of_its_method() -> None:
    assert len({row.colour for row in METHODS.values()}) == len(METHODS)
    assert [row.name for row in METHODS.values() if row.role == "reference"] == ["stage0"]
    orders = [row.order for row in (*LINES.values(), METHODS["stage0"])]
    assert len(set(orders)) == len(orders)
    for row in METHODS.values():
        assert ("masks" in row.knows) == row.masks
        wired = row.network is not None or row.family in ("hindsight", "upi")
        assert ("groups" in row.knows) == ("symbols" in row.knows) == (wired and not row.name.endswith("-attention"))
    core = "policy_kwargs.core"
    assert {algo: known_to(algo) for algo in ("solver", "elsewhere", "hindsight_trm@unroll=2+attempts=7")} == {
        "solver": ("puzzle",),
        "elsewhere": None,
        "hindsight_trm@unroll=2+attempts=7": ("groups", "symbols", "model", "checker"),
    }
    assert known_to(f"hindsight_trm@{core}.kind=cells") == ("groups", "symmetries", "model", "checker")
    assert known_to(f"hindsight_trm@{core}.kind=cells@{core}.symmetries=false") == ("groups", "model", "checker")
    assert known_to(f"upi_trm@{core}.kind=discovered") == ("symbols", "checker", "model")
    assert known_to(f"upi_trm@{core}.kind=cells") == ("groups", "model")
    assert known_to("hindsight_trm-attention") == ("symmetries", "model", "checker")
    assert known_to(f"hindsight_trm-attention@{core}.symmetries=false+attempts=3") == ("model", "checker")
    assert row_of("upi_trm-exact@n_steps=4") is METHODS["upi_trm-exact"]
    assert row_of("hindsight_trm@depth=1+attempts=7") is METHODS["hindsight_trm"]
    assert row_of("solver") is LINES["solver"] and row_of("elsewhere") is None
