"""`Starts`: passes before the first edit until some are sure of the same plan, against the definition."""

from __future__ import annotations

import json
from itertools import product

import numpy as np
import pytest
import torch
from agent_helpers import assert_same_weights, hindsight_trm, scrambled, tensors, upi_trm, weights
from search_helpers import sudokus

import baselines
from baselines import METHODS
from benchmarks.protocol.evaluation import evaluate
from benchmarks.protocol.names import named
from benchmarks.protocol.suites import suite
from benchmarks.running.runner import plan
from trm_agents import Attempts, ExactCover, HindsightTRM, Starts, presets, zoo
from trm_agents.commands import spending
from trm_agents.commands.main import main
from trm_agents.commands.spending import solver_name
from trm_agents.replay.episode import play, watched
from trm_agents.solving import decoding
from trm_agents.solving.starts import started
from trm_agents.solving.variations import initial_latent
from trm_agents.theory.reading import Reader
from trm_envs.plan_edit.spaces import observe

INSTANCES = sudokus(4, 6, (3, 6))


def alone(model, states, number, unroll):
    """The latents of one start of each state, how unsure they are of their plans, and these."""
    policy = model.policy
    first = initial_latent(number, policy.decoder.latent_shape, policy.decoder.radius)
    with torch.no_grad():
        latents = policy.decoder.last(tensors(states), first.expand(len(states.plans), *first.shape), unroll)
        said = policy.decoder.probabilities(latents[None], tensors(states))[0]
    unsure = decoding.uncertainty(policy.mdp, said, states).numpy()
    return latents, unsure, decoding.likeliest_plans(policy.mdp, said, states)


def tried(model, states, count, unroll):
    """Latents, (count, B, ...), how unsure they are, (count, B), and plans of so many starts."""
    latents, unsure, plans = zip(*(alone(model, states, number, unroll) for number in range(count)), strict=True)
    return torch.stack(latents), np.array(unsure), np.array(plans)


def settled(latents, unsure, plans, starts):
    """By the definition, for one state: the start that is kept, and how many were made."""
    made = []
    for number in range(starts.most):
        agreed = sum((plans[i] == plans[number]).all() and unsure[i] < starts.sure for i in range(number + 1))
        made.append((-(agreed if unsure[number] < starts.sure else 0), unsure[number], number))
        if -made[-1][0] >= starts.agree:
            break
    return min(made)[2], len(made)


def test_a_plan_counts_that_enough_starts_are_sure_of_and_else_the_surest():
    # Few blanks: some starts decode the same plan.
    instances = sudokus(4, 12, (1, 2))
    model = scrambled(ExactCover())
    states, rows = model.policy.mdp.initial(instances), np.arange(len(instances))
    latents, unsure, plans = tried(model, states, 6, 7)
    agreed = outvoted = 0
    for agree, sure in product((1, 2, 3), (1e-9, 0.5, 0.6, 0.999)):
        starts = model.policy.starts = Starts(6, unroll=7, sure=sure, agree=agree)
        found = model.policy.carried(tensors(states), None)
        kept, taken = np.array([settled(latents[:, i], unsure[:, i], plans[:, i], starts) for i in rows]).T
        torch.testing.assert_close(found, latents[kept, rows])
        spent = model.policy.spent
        assert (spent.calls == taken).all() and (spent.inner_steps == 7 * taken).all() and (spent.checks == 0).all()
        agreed += int(((taken > agree) & (taken < 6)).sum())
        outvoted += int(((taken == 6) & (unsure[kept, rows] > unsure.min(0))).sum())
    assert agreed and outvoted, "some agree, though not at once, and some are sure of a plan without the surest start"


@pytest.mark.parametrize("carry_unroll", [None, 3])
def test_a_latent_goes_on_as_it_is_while_it_is_sure_of_something_left_to_write(carry_unroll):
    model = scrambled(ExactCover(), carry_unroll=carry_unroll, starts=Starts(2, sure=0.999, agree=1))
    policy = model.policy
    states = policy.mdp.initial(INSTANCES)
    first, state = model.predict(observe(states), deterministic=True)
    assert (policy.spent.calls == 1).all(), "every pass is sure enough"
    transition = policy.mdp.transition(states, first)
    after, kept = transition.successors, torch.as_tensor(state[0])
    _, state = model.predict(observe(after), state, deterministic=True)
    said = policy.decoder.probabilities(kept[None], tensors(after))[0]
    left = (decoding.likeliest_plans(policy.mdp, said, after) != after.plans).any(1)
    assert (policy.spent.calls == ~left).all() and left.any()
    torch.testing.assert_close(torch.as_tensor(state[0])[left], kept[left])
    policy.starts = Starts(2, sure=1e-9)
    _, state = model.predict(observe(after), (kept.numpy(),), deterministic=True)
    unroll = carry_unroll or policy.unroll
    begun = kept if carry_unroll else torch.zeros_like(kept)
    torch.testing.assert_close(torch.as_tensor(state[0]), policy.decoder.last(tensors(after), begun, unroll))
    assert (policy.spent.calls == 1).all() and (policy.spent.inner_steps == unroll).all()


def test_a_latent_whose_plan_is_written_and_wrong_is_not_trusted():
    model = scrambled(ExactCover(), starts=Starts(1, sure=0.999, agree=1))
    policy = model.policy
    states = policy.mdp.initial(INSTANCES)
    _, state = model.predict(observe(states), deterministic=True)
    said = policy.decoder.probabilities(torch.as_tensor(state[0])[None], tensors(states))[0]
    written = states._replace(plans=decoding.likeliest_plans(policy.mdp, said, states))
    model.predict(observe(written), state, deterministic=True)
    assert (policy.spent.calls == 1).all()


def test_episodes_that_begin_settle_anew():
    model = scrambled(ExactCover(), carry_unroll=2, starts=Starts(3, unroll=5, sure=1e-9))
    states = model.policy.mdp.initial(INSTANCES)
    _, fresh = model.predict(observe(states), deterministic=True)
    begins = np.array([True, False] * 3)
    _, mixed = model.predict(observe(states), fresh, begins, deterministic=True)
    assert model.policy.spent.calls.tolist() == [3, 1] * 3 and model.policy.spent.inner_steps.tolist() == [15, 2] * 3
    assert (mixed[0][begins] == fresh[0][begins]).all() and (mixed[0][~begins] != fresh[0][~begins]).any()


def test_answers_depend_on_nothing_else_in_the_batch():
    model = scrambled(ExactCover(), starts=Starts(4, sure=0.3))
    states = model.policy.mdp.initial(INSTANCES)
    together = model.policy.carried(tensors(states), None)
    for row in range(len(INSTANCES)):
        torch.testing.assert_close(model.policy.carried(tensors(states.at([row])), None)[0], together[row])


def test_costs_are_counted_alike_wherever_a_policy_plays():
    model = scrambled(ExactCover(), starts=Starts(3, sure=0.2))
    mdp = model.policy.mdp
    found = spending.policy_alone(model, mdp, INSTANCES)
    result = evaluate(METHODS["hindsight_trm"].agent(model, mdp, np.random.default_rng(0)), mdp, INSTANCES)
    assert (found.calls == result.network_calls).all() and (found.inner_steps == result.inner_steps).all()
    assert (found.plans == result.plans).all() and (found.checks == 0).all() and (found.calls != found.edits).any()
    model.policy.starts = None
    usual = spending.policy_alone(model, mdp, INSTANCES)
    assert (usual.calls == usual.edits).all() and (usual.inner_steps == model.unroll * usual.edits).all()


def test_attempts_begin_with_the_starts_of_the_policy():
    """The first plan that the checker sees is the policy's own, and no later attempt begins where a start did."""
    model = scrambled(ExactCover())
    mdp, policy = model.policy.mdp, model.policy
    states = mdp.initial(INSTANCES)
    latents, unsure, _ = tried(model, states, 3, 7)
    said = policy.decoder.probabilities(latents[unsure.argmin(0), np.arange(len(INSTANCES))][None], tensors(states))[0]
    plans = decoding.likeliest_plans(mdp, said, states)
    policy.starts = Starts(3, unroll=7, sure=1e-9)
    found = Attempts(model, 0, unroll=7).solve(INSTANCES, budget=3)
    assert (found.solved == mdp.check(states._replace(plans=plans)).solved).all() and (found.checks == 1).all()
    assert (found.calls == 3).all() and (found.inner_steps == 21).all()
    assert (Attempts(model, 0, unroll=7).solve(INSTANCES, budget=2).calls == 2).all()
    assert [Attempts(model, 2)._latent_number(number) for number in range(3)] == [0, 3, 4]
    policy.starts = None
    assert [Attempts(model, 2)._latent_number(number) for number in range(3)] == [0, 1, 2]


def test_training_does_not_depend_on_starts(tmp_path):
    models = [hindsight_trm(seed=0, min_buffer_size=20, starts=starts) for starts in (None, Starts(4, 9, 0.01))]
    for model in models:
        model.learn(256)
    assert_same_weights(*map(weights, models))
    models[1].save(tmp_path / "model.zip")
    loaded = HindsightTRM.load(tmp_path / "model.zip", env=models[1].get_env())
    assert loaded.starts == loaded.policy.starts == Starts(4, 9, 0.01)
    observation = observe(loaded.policy.mdp.initial(INSTANCES))
    for one, other in zip(loaded.predict(observation)[1], models[1].predict(observation)[1], strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)
    assert HindsightTRM.load(tmp_path / "model.zip", env=models[1].get_env(), starts=None).policy.starts is None


def test_what_no_policy_can_do_is_refused():
    for wrong in ({"most": 0}, {"unroll": 0}, {"agree": 0}, {"most": 2.5}, {"sure": 0.0}, {"sure": 1.0}):
        with pytest.raises(ValueError, match=f"{next(iter(wrong))} of Starts"):
            Starts(**wrong)
    with pytest.raises(ValueError, match="starts must be"):
        hindsight_trm(starts=5)
    model = hindsight_trm(starts=Starts())
    with pytest.raises(ValueError, match="no starts"):
        model.policy.set_unroll("auto")
    with pytest.raises(ValueError, match=r"set policy.starts = None"):
        Reader(model.policy, model.policy.mdp)
    with pytest.raises(ValueError, match="a TRMPolicy has no starts"), started(upi_trm(), Starts()):
        pass
    with started(model, None), started(upi_trm(), None):
        assert model.policy.starts is None
    with pytest.raises(ZeroDivisionError), started(model, Starts(2)):
        assert model.policy.starts == Starts(2)
        1 / 0  # noqa: B018
    assert model.policy.starts == Starts()


def test_starts_are_a_line_of_the_benchmark():
    assert named("hindsight_trm+starts=64") == ("hindsight_trm", "starts", 64)
    cells = plan(baselines, ["sudoku-4x4-minimal"], ["hindsight_trm+starts=64"], [0], 64, stage0=False)
    assert "hindsight_trm+starts=64" in {cell.algo for cell in cells}
    with pytest.raises(ValueError, match=r"upi_trm\+starts=64: only HindsightTRM's policies have starts"):
        plan(baselines, ["sudoku-4x4-minimal"], ["upi_trm+starts=64"], [0], 64, stage0=False)
    made = METHODS["hindsight_trm@starts.most=8@starts.unroll=5"]
    row = suite("sudoku-4x4-minimal")
    assert made.make(row.env_id, row.env_kwargs, None).policy.starts == Starts(8, 5)
    assert presets.starts("SudokuPlanEdit-9x9-v0", 16) == Starts(16, 120)
    assert presets.starts("MazePlanEdit-9x9-v0", 16) == Starts(16, 144, sure=0.02)


def test_starts_on_the_command_line(tmp_path, capsys):
    scrambled(ExactCover()).save(tmp_path / "model.zip")
    upi_trm().save(tmp_path / "other.zip")
    (tmp_path / "puzzles.txt").write_text("\n".join("".join(map(str, grid)) for grid in INSTANCES.tolist()))

    def asked(file, *more):
        words = ["evaluate", str(tmp_path / file), "--env", "SudokuPlanEdit-4x4-v0", "--json"]
        return main([*words, "--puzzles", str(tmp_path / "puzzles.txt"), *more])

    assert asked("model.zip", "--starts", "3") == 0
    known = json.loads(capsys.readouterr().out)
    assert (known["starts"], known["attempts"], known["checks"]) == (3, 0, 0)
    assert known["network_calls"] > known["edits"]
    scrambled(ExactCover(), starts=Starts(3)).save(tmp_path / "own.zip")
    for more, starts in (([], 3), (["--attempts", "2"], 3), (["--starts", "0"], 0), (["--search", "2"], 0)):
        assert asked("own.zip", *more) == 0
        assert json.loads(capsys.readouterr().out)["starts"] == starts
    words = ["evaluate", str(tmp_path / "own.zip"), "--env", "SudokuPlanEdit-4x4-v0", "--starts", "0", "--json"]
    assert main(words) == 0
    known = json.loads(capsys.readouterr().out)
    assert known["network_calls"] == known["edits"]
    assert solver_name(3, 2, 0, 0) == "the policy with at most 3 starts and at most 2 further attempts"
    assert (solver_name(3, 0, 0, 0), solver_name(0, 0, 0, 0)) == (
        "the policy with at most 3 starts",
        "the policy alone",
    )
    assert asked("other.zip", "--starts", "3") == 2
    assert "has no starts" in capsys.readouterr().err


def test_an_episode_with_starts_is_shown_without_depths():
    model = scrambled(ExactCover(), starts=Starts(2))
    episode = play(watched(model, model.policy.mdp), INSTANCES[0])
    assert all(frame.thought is None or not frame.thought.unroll for frame in episode.frames)


def test_the_shipped_agent_solves_by_starts_what_one_pass_an_edit_leaves():
    model = zoo.load("upi-trm-sudoku-9x9")
    mdp, puzzles = model.policy.mdp, sudokus(9, 24, "minimal")
    with started(model, presets.starts("SudokuPlanEdit-9x9-v0", 64)):
        more = spending.policy_alone(model, mdp, puzzles)
    assert more.solved.all() and (more.checks == 0).all() and more.calls.mean() < 10
