"""Each option of a recursive policy does what it says, and something."""

import numpy as np
import pytest
import torch
from gymnasium import spaces
from policy_helpers import PAIRS, SMALL, make, observations, outputs, plans, steep
from stable_baselines3 import PPO

from trm_agents.recursion import ExactCoverCore
from trm_agents.recursive_policies import (
    MLPPolicy,
    Options,
    RecursivePolicy,
    TokenReadings,
    TRMPolicy,
    VaryDepth,
    WholeRollouts,
)
from trm_agents.recursive_policies.encoders import OneHotPlans, PlanSpace
from trm_agents.recursive_policies.sharing import halting_shares, mixture, shared
from trm_envs.plan_edit.spaces import observation_space
from trm_envs.sudoku.env import sudoku_problem
from trm_envs.sudoku.task import SudokuTask

BOX = torch.as_tensor(np.random.default_rng(0).uniform(-1, 1, (6, 5)).astype(np.float32))
ACTIONS = torch.tensor([0, 1, 2, 3, 0, 1])


def parameters(model):
    return sum(weight.numel() for weight in model.policy.readings.parameters())


@pytest.mark.parametrize(
    ("word", "value"),
    [
        ("k_cycles", 5),
        ("h_dim", 12),
        ("l_dim", 8),
        ("n_h_layers", 1),
        ("n_l_layers", 2),
        ("carry", True),
        ("inject", "once"),
        ("maxima", 1.0),
        ("mixer", "conv"),
        ("mixer", "attention"),
        ("mixer", "mlp"),
        ("mixer", None),
        ("readout", "pool"),
        ("readout", "cells"),
    ],
)
def test_a_word_changes_what_is_read(word, value):
    first, second = (
        make("PPO", "plans", n_actions=16, **{"mixer": "neighbours", "readout": None, word: words})
        for words in ({"mixer": "neighbours"}.get(word, getattr(Options(), word)), value)
    )
    if (word, value) == ("readout", "cells"):
        first = make("PPO", "plans", n_actions=16, mixer="neighbours", readout="pool")
    if word in ("k_cycles", "carry", "inject", "maxima"):
        assert parameters(first) == parameters(second)
        second.policy.load_state_dict(first.policy.state_dict())
    elif word != "readout":
        assert parameters(first) != parameters(second)
    observed = observations(first)
    assert not torch.allclose(*(outputs(steep(model), observed) for model in (first, second)))


def test_groups_say_who_hears_whom():
    space = spaces.Dict(plans(16, 4))
    first = make("PPO", space, mixer="neighbours", n_actions=64, n_h_layers=1, k_cycles=1)
    second = make("PPO", space, mixer="neighbours", n_actions=64, n_h_layers=1, k_cycles=1, groups=SudokuTask(4).groups)
    kinds = [model.policy.readings.network.core.high[0].mixer.hears for model in (first, second)]
    assert [len(hears) for hears in kinds] == [1, len(SudokuTask(4).groups)]
    # Cells 0 and 2 share a row, and no edge.
    assert kinds[0][0, 0, 2] == 0 and kinds[1][:, 0, 2].any()


def test_the_previous_action_counts_where_it_is_asked_for():
    seen = {"observation": np.zeros((5, 5), np.float32), "previous_action": np.arange(5)}
    with_it, without = (make("PPO", "previous", action_conditioning=asked) for asked in (True, False))
    read = outputs(steep(with_it), seen)
    assert len(read.unique(dim=0)) == 5
    read = outputs(steep(without), seen)
    assert torch.allclose(read, read[:1], atol=1e-5)
    with pytest.raises(ValueError, match=r"trm_envs\.wrappers\.PreviousActionObservation"):
        make("PPO", "box", action_conditioning=True)


def test_edits_are_read_from_their_cell_and_moves_from_the_agents_cell():
    """Readouts commute with turning the grid, if cells and actions turn as well."""
    turn = np.rot90(np.arange(16).reshape(4, 4)).ravel()
    edits, moves = (steep(make("PPO", "plans", n_actions=n, mixer="neighbours")) for n in (16, 4))
    assert (type(edits.policy.readings.network.policy_head).__name__, moves.policy.readings.view is None) == (
        "CellActions",
        False,
    )
    observed = observations(edits)
    observed["plan"] = np.eye(16, dtype=np.int8)[[0, 3, 5, 6, 10, 15]]
    turned = {**observed, "instance": observed["instance"][:, turn], "plan": observed["plan"][:, turn]}
    before, after = outputs(edits, observed), outputs(edits, turned)
    assert torch.allclose(before[:, :16][:, turn], after[:, :16], atol=1e-5)
    # Turned to the left, up becomes left, down right, left down, right up.
    before, after = outputs(moves, observed), outputs(moves, turned)
    assert torch.allclose(before[:, [3, 2, 0, 1, 4]], after, atol=1e-5)
    assert not torch.allclose(before[:, [0, 1]], after[:, [0, 1]], atol=1e-3)


@pytest.mark.parametrize("maxima", [0.0, 0.5])
def test_the_exact_cover_recursion_walks(maxima):
    words = {"mixer": "exact_cover", "n_h_layers": 1, "maxima": maxima}
    model, deeper = (steep(make("PPO", "plans", **words, k_cycles=cycles)) for cycles in (2, 5))
    network = model.policy.readings.network
    assert isinstance(network.core, ExactCoverCore) and parameters(model) == parameters(deeper)
    assert network.core.peaks == maxima * network.core.width
    observed = observations(model)
    observed["plan"] = np.eye(16, dtype=np.int8)[[0, 3, 5, 6, 10, 15]]
    turn = np.rot90(np.arange(16).reshape(4, 4)).ravel()
    turned = {**observed, "instance": observed["instance"][:, turn], "plan": observed["plan"][:, turn]}
    before, after = outputs(model, observed), outputs(model, turned)
    assert torch.allclose(before[:, [3, 2, 0, 1, 4]], after, atol=1e-5)
    deeper.policy.load_state_dict(model.policy.state_dict())
    assert not torch.allclose(outputs(deeper, observed), before)
    # A cell hears its neighbours and no other.
    injection = network.encoder({"instance": torch.zeros(2, 16, dtype=torch.int8)})
    injection.types[1, 0] = 1
    (one, other) = network.core.unroll(injection, None, 2, None, 1).latents[0]
    assert ((one != other).any(1).nonzero().squeeze(1) == torch.tensor([0, 1, 4])).all()
    for changed in ({"carry": True}, {"inject": "once"}, {"n_h_layers": 2}):
        with pytest.raises(ValueError, match="exact_cover"):
            make("PPO", "plans", **{**words, **changed})
    for space, more in (("plans", {"n_actions": 16}), ("planes", {}), ("plans", {"readout": "pool"})):
        with pytest.raises(ValueError, match="four moves"):
            make("PPO", space, **words, **more)


def test_deep_supervision_is_the_weighted_gradient_of_all_cycles():
    """A loss that is linear in log-probabilities and entropies: exactly that of all cycles."""
    model = steep(make("A2C", "box", deep_supervision=True, k_cycles=3))
    policy, advantages = model.policy, torch.linspace(-1, 1, 6)
    _, log_prob, entropy = policy.evaluate_actions(BOX, ACTIONS)
    (-(advantages * log_prob).mean() - 0.1 * entropy.mean()).backward()
    shared_gradient = [weight.grad.clone() for weight in policy.readings.network.core.parameters()]
    policy.zero_grad()
    latents = policy.readings.network.run(BOX).latents
    loss = torch.zeros(())
    for latent, weight in zip(latents, np.array([1.0, 1.1, 1.2]) / 3.3, strict=True):
        cycle = torch.distributions.Categorical(logits=policy.readings.read(latent, BOX)[:, :-1])
        loss = loss - weight * ((advantages * cycle.log_prob(ACTIONS)).mean() + 0.1 * cycle.entropy().mean())
    loss.backward()
    for ours, weight in zip(shared_gradient, policy.readings.network.core.parameters(), strict=True):
        assert torch.allclose(ours, weight.grad, atol=1e-6)
    with torch.no_grad():
        assert torch.allclose(policy.evaluate_actions(BOX, ACTIONS)[1], log_prob)
    last = torch.distributions.Categorical(logits=policy.readings.read(latents[-1], BOX)[:, :-1])
    assert torch.allclose(last.log_prob(ACTIONS), log_prob, atol=1e-6)


@pytest.mark.parametrize("space", ["box", "plans"])
def test_gradients_of_the_last_cycles_are_those_of_a_pass_from_where_the_first_ones_lead(space):
    words = {"mixer": "neighbours"} if space == "plans" else {}
    model = steep(make("PPO", space, k_cycles=5, gradient_cycles=2, **words))
    readings = model.policy.readings
    seen = BOX if space == "box" else {k: torch.as_tensor(v).float() for k, v in observations(model, 6).items()}
    whole, _, _ = model.policy.evaluate_actions(seen, ACTIONS)
    whole.sum().backward()
    cut = [weight.grad.clone() for weight in readings.network.parameters() if weight.grad is not None]
    model.policy.zero_grad()
    start = readings.network.last(seen, unroll=3).detach()
    by_hand = readings.read(readings.network.last(seen, start, unroll=2), seen)[:, -1]
    by_hand.sum().backward()
    assert torch.allclose(by_hand, whole.flatten(), atol=1e-6)
    here = [weight.grad for weight in readings.network.parameters() if weight.grad is not None]
    for ours, weight in zip(cut, here, strict=True):
        assert torch.allclose(ours, weight, atol=1e-6)
    model.policy.zero_grad()
    readings.read(readings.network.last(seen), seen)[:, -1].sum().backward()
    full = [weight.grad for weight in readings.network.parameters() if weight.grad is not None]
    assert any(not torch.allclose(ours, weight, atol=1e-6) for ours, weight in zip(cut, full, strict=True))


def test_deep_supervision_is_of_the_cycles_that_gradients_flow_through():
    model = steep(make("A2C", "box", deep_supervision=True, k_cycles=5, gradient_cycles=2))
    readings = model.policy.readings
    assert readings(BOX).shape[:2] == (6, 2) and readings.kept == 2
    readings.network.unroll = 1
    assert readings.kept == 1 and readings(BOX).shape[0] == 6
    with torch.no_grad():
        assert readings(BOX).ndim == 2


@pytest.mark.parametrize("algorithm", sorted(PAIRS.keys() - {"RecurrentPPO"}))
def test_gradients_of_fewer_cycles_train_other_weights_and_of_all_the_same(algorithm):
    cut, all_of_them, usual = (
        steep(make(algorithm, "box", k_cycles=3, gradient_cycles=last)).learn(32).policy.state_dict()
        for last in (1, 3, None)
    )
    assert any(not torch.equal(weight, usual[name]) for name, weight in cut.items())
    assert all(torch.equal(weight, usual[name]) for name, weight in all_of_them.items())


@pytest.mark.parametrize("algorithm", PAIRS)
def test_deep_supervision_trains_other_weights(algorithm):
    first, second = (
        steep(make(algorithm, "box", deep_supervision=deep)).learn(32).policy.state_dict() for deep in (True, False)
    )
    assert any(not torch.equal(weight, second[name]) for name, weight in first.items())


def test_what_is_shared_is_the_last_and_teaches_all():
    parts = [torch.randn(3, requires_grad=True) for _ in range(3)]
    out = shared(parts, [0.2, 0.3, 0.5])
    assert torch.equal(out, parts[-1])
    (out * torch.tensor([1.0, 2.0, 3.0])).sum().backward()
    for part, weight in zip(parts, [0.2, 0.3, 0.5], strict=True):
        assert torch.allclose(part.grad, weight * torch.tensor([1.0, 2.0, 3.0]))


def test_a_learned_pass_is_the_mixture_of_its_cycles():
    halts, logits = torch.randn(5, 3), torch.randn(5, 3, 4)
    shares = halting_shares(halts)
    stop = torch.sigmoid(halts)
    expected = torch.stack([stop[:, 0], (1 - stop[:, 0]) * stop[:, 1], (1 - stop[:, 0]) * (1 - stop[:, 1])], 1)
    assert torch.allclose(shares, expected, atol=1e-6)
    policy = (torch.softmax(logits, 2) * shares[:, :, None]).sum(1)
    assert torch.allclose(mixture(logits, shares).exp(), policy, atol=1e-6)


def test_learned_halting_saves_cycles_where_it_is_sure():
    model = steep(make("PPO", "box", halting="learned", k_cycles=4))
    readings, seen = model.policy.readings, BOX.numpy()
    latents = readings.network.run(BOX).latents
    for bias, cycles in ((5.0, 1), (-5.0, 4)):
        torch.nn.init.constant_(readings.halt.bias, bias)
        read = outputs(model, seen, predicting=True)
        assert readings.last_cycles.tolist() == [cycles] * 6
        assert torch.allclose(read, readings.read(latents[cycles - 1], BOX), atol=1e-5)
    torch.nn.init.zeros_(readings.halt.bias)
    torch.nn.init.normal_(readings.halt.weight)
    outputs(model, seen, predicting=True)
    stop = torch.stack([torch.sigmoid(readings._halting(latent)) for latent in latents], 1)
    reached = 1 - (1 - stop).cumprod(1)
    first = [next((k for k in range(3) if row[k] >= 0.5), 3) + 1 for row in reached]
    assert readings.last_cycles.tolist() == first


def test_a_ponder_cost_pushes_towards_fewer_cycles():
    gradients = []
    for cost in (0.0, 0.5):
        model = make("PPO", "box", halting="learned", k_cycles=4, ponder_cost=cost)
        values, log_prob, _ = model.policy.evaluate_actions(BOX, ACTIONS)
        (log_prob.mean() + values.mean()).backward()
        gradients.append(float(model.policy.readings.halt.bias.grad))
    stop = float(torch.sigmoid(torch.tensor(-1.0)))
    # d/db of E[cycles] / K with K = 4 equal logits b: E = sum over k < 4 of (1 - stop)^k.
    slope = -sum(k * (1 - stop) ** k * stop for k in range(1, 4)) / 4
    assert gradients[1] - gradients[0] == pytest.approx(0.5 * slope, rel=1e-4)


def test_settling_is_for_predictions_alone():
    model = steep(make("PPO", "box", halting="settle", settle_below=0.05, max_cycles=9))
    plain = steep(make("PPO", "box"))
    plain.policy.load_state_dict(model.policy.state_dict())
    seen = BOX.numpy()
    assert torch.equal(outputs(model, seen), outputs(plain, seen))
    read = outputs(model, seen, predicting=True)
    settled = model.policy.readings.network.settle_within(BOX, 0.05, 9)
    assert torch.equal(read, model.policy.readings.read(settled.latent, BOX))
    assert model.policy.readings.last_cycles.tolist() == settled.steps.tolist() != [2] * 6
    model.predict(seen)
    assert model.policy.readings.halts is False
    short = steep(make("PPO", "box", halting="settle", max_cycles=1))
    outputs(short, seen, predicting=True)
    assert short.policy.readings.last_cycles.tolist() == [1] * 6 and Options().most_cycles == 12


def test_predictions_use_averaged_weights():
    model = make("PPO", "box", ema=0.5)
    name, weight = next(iter(model.policy.readings.named_parameters()))
    expected = None

    def follow(*_):
        nonlocal expected
        expected = weight.detach().clone() if expected is None else 0.5 * expected + 0.5 * weight.detach()

    model.policy.optimizer.register_step_post_hook(follow)
    model.learn(32)
    averaged = dict(model.policy.averages.module.named_parameters())[name]
    assert torch.allclose(averaged, expected, atol=1e-6) and not torch.allclose(averaged, weight)
    own = outputs(steep(model), BOX.numpy())
    with model.policy._predicting():
        assert torch.allclose(dict(model.policy.readings.named_parameters())[name], expected, atol=1e-6)
        assert not torch.allclose(outputs(model, BOX.numpy()), own)
    assert torch.equal(outputs(model, BOX.numpy()), own)


def test_a_maze_is_unrolled_once_for_all_moves():
    model = steep(make("PPO", "plans", mixer="conv"))
    readings = model.policy.readings
    one = observations(model, 1)
    moves = {key: np.repeat(value, 16, axis=0) for key, value in one.items()}
    moves["plan"] = np.eye(16, dtype=np.int8)
    first = outputs(model, moves)
    assert readings.cache.passes == 1
    assert torch.equal(outputs(model, moves), first) and readings.cache.passes == 1
    direct = torch.stack(
        [
            readings.read(
                readings.network.last({k: torch.as_tensor(v[:1]).float() for k, v in one.items()}),
                {k: torch.as_tensor(v[row : row + 1]).float() for k, v in moves.items()},
            )[0]
            for row in range(16)
        ]
    )
    assert torch.allclose(first, direct, atol=1e-5) and len(first.unique(dim=0)) == 16
    outputs(model, observations(model, 5))
    # The first of them is known.
    assert readings.cache.passes == 5
    model.policy.evaluate_actions(model.policy.obs_to_tensor(moves)[0], torch.zeros(16))
    assert readings.cache.passes == 6


@pytest.mark.parametrize("how", ["step", "fused step", "load", "average"])
def test_cached_latents_do_not_outlive_the_weights(how):
    model = steep(make("PPO", "plans", mixer="conv", ema=0.5))
    observed = observations(model)
    before = outputs(model, observed)
    if how.endswith("step"):
        # Fused steps count no version of the weights.
        model.policy.optimizer.param_groups[0]["fused"] = how == "fused step"
        model.learn(16)
    elif how == "load":
        model.set_parameters(make("PPO", "plans", mixer="conv", ema=0.5, seed=9).get_parameters())
    else:
        model.policy.averages.update_parameters(make("PPO", "plans", mixer="conv", seed=9).policy.readings)
        with model.policy._predicting():
            assert not torch.allclose(outputs(model, observed), before)
    now = outputs(model, observed)
    model.policy.readings.cache._known.clear()
    assert torch.equal(outputs(model, observed), now) and torch.equal(now, before) == (how == "average")


@pytest.mark.parametrize("carry", [False, True])
def test_latents_go_on_from_move_to_move_and_begin_anew_with_an_episode(carry):
    model = make("RecurrentPPO", "box", carry=carry)
    policy, network = model.policy, model.policy.readings.network
    assert policy.lstm_actor.hidden_size == 8
    state, start = None, np.ones(6, bool)
    latent = torch.zeros(6, 1, 12)
    for move in range(3):
        seen = BOX + move
        _, state = model.predict(seen.numpy(), state, start)
        latent = network.core.unroll(network.encoder(seen), latent, 2, None, 1).latents[0]
        assert torch.allclose(torch.as_tensor(state[0][0]), latent[:, 0, :8], atol=1e-6)
        assert torch.allclose(torch.as_tensor(state[1][0, :, :4]), latent[:, 0, 8:], atol=1e-6)
        start = np.zeros(6, bool)
    _, anew = model.predict(BOX.numpy(), state, np.ones(6, bool))
    _, first = model.predict(BOX.numpy(), None, np.ones(6, bool))
    assert np.array_equal(anew[0], first[0])


def test_recurrent_sequences_are_moves_one_after_the_other():
    model = steep(make("RecurrentPPO", "box", carry=True, deep_supervision=True))
    policy, seen = model.policy, torch.randn(2, 3, 5)
    starts = torch.tensor([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
    states = tuple(torch.randn(1, 2, 8) for _ in range(2))
    states[1][:, :, 4:] = 0.0
    packed = type("States", (), {"pi": states})()
    actions = torch.tensor([0, 1, 2, 3, 0, 1])
    values, log_prob, _ = policy.evaluate_actions(seen.flatten(0, 1), actions, packed, starts.flatten())
    now = states
    for move in range(3):
        distribution, now_ = policy.get_distribution(seen[:, move], now, starts[:, move])
        step_values = policy.predict_values(seen[:, move], now, starts[:, move])
        for sequence in range(2):
            row = 3 * sequence + move
            assert torch.allclose(values[row], step_values[sequence], atol=1e-5)
        assert torch.allclose(log_prob[move::3], distribution.log_prob(actions[move::3]), atol=1e-5)
        now = now_


def test_the_token_network_takes_the_options_of_all():
    mdp, _ = sudoku_problem(4)
    words = {"mdp": mdp, "width": 4, "unroll": 3, "deep_supervision": True, "ema": 0.9}
    policy = RecursivePolicy(
        observation_space(mdp),
        spaces.Discrete(mdp.n_actions),
        lambda _: 1e-3,
        features_extractor_class=TokenReadings,
        features_extractor_kwargs=words,
    )
    assert policy.readings.kept == 3 and policy.averages is not None


def test_the_cycles_of_a_prediction():
    model = steep(make("PPO", "box", k_cycles=3))
    logits = model.policy.cycle_logits(BOX.numpy())
    assert logits.shape == (3, 6, 4) and not np.allclose(logits[0], logits[-1])
    np.testing.assert_allclose(logits[-1], outputs(model, BOX.numpy())[:, :-1], atol=1e-6)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"mixer": "conv"}, "use mixer=None"),
        ({"readout": "cells"}, "use 'pool'"),
        ({"halting": "act"}, "halting must be one of 'settle', 'learned'"),
        ({"halting": "learned", "deep_supervision": True}, "leave out deep_supervision"),
        ({"gradient_cycles": 0}, "gradient_cycles must be at least 1"),
        ({"gradient_cycles": 2, "inject": "once"}, "gradient_cycles cuts off the first cycles"),
        ({"gradient_cycles": 2, "halting": "learned"}, "gradient_cycles cuts off the first cycles"),
        ({"k_cycles": 0}, "k_cycles must be at least 1"),
        ({"ema": 1.0}, "ema must be within"),
        ({"maxima": 1.5, "mixer": "neighbours"}, r"maxima must be within \[0, 1\], got 1.5"),
        (
            {"maxima": 1.0, "mixer": "conv"},
            "maxima=1.0 is for the mixers 'neighbours' and 'exact_cover', not for 'conv'",
        ),
        ({"maxima": 1.0}, "not for None: leave it out"),
    ],
)
def test_what_cannot_be_is_named(words, message):
    with pytest.raises(ValueError, match=message):
        make("PPO", "box", **words)


def test_a_recurrent_policy_cuts_no_gradient_off():
    with pytest.raises(ValueError, match="leave out halting and gradient_cycles"):
        make("RecurrentPPO", "box", gradient_cycles=1)


def test_policies_of_the_document():
    trm = TRMPolicy.of()
    assert trm.options == Options(action_conditioning=True) and trm.options.k_cycles == 3
    assert TRMPolicy.of(action_conditioning=False).options == Options()
    # Two hidden layers of 128 for 25 inputs and 4 actions.
    actor = (25 + 1) * 128 + (128 + 1) * 128 + (128 + 1) * 4
    assert sum(w.numel() for w in MLPPolicy.of().parameters()) == actor + (25 + 1) * 128 + (128 + 1) * 128 + 129
    model = PPO(
        TRMPolicy, make("PPO", "previous").get_env(), policy_kwargs=SMALL, n_steps=8, batch_size=8, device="cpu"
    )
    assert model.policy.options == Options(action_conditioning=True, **SMALL)
    assert PPO(MLPPolicy, make("PPO", "box").get_env(), policy_kwargs={"hidden": 7}).policy.action_net.in_features == 7


def test_a_rollout_is_played_and_learned_from_at_one_depth():
    depths, ratios = [], []

    class Spy(VaryDepth):
        def _on_rollout_end(self):
            network = self.model.policy.readings.network
            buffer = self.model.rollout_buffer
            seen = torch.as_tensor(buffer.observations[:, 0])
            with torch.no_grad():
                log_prob = self.model.policy.evaluate_actions(seen, torch.as_tensor(buffer.actions[:, 0, 0]))[1]
            depths.append(network.unroll)
            ratios.append(float((log_prob - torch.as_tensor(buffer.log_probs[:, 0])).abs().max()))

    model = steep(make("PPO", "box", deep_supervision=True)).learn(96, callback=Spy(1, 4, seed=2))
    assert set(depths) == {1, 2, 3, 4} and max(ratios) < 1e-5
    assert model.policy.readings.network.unroll == SMALL["k_cycles"]
    with pytest.raises(ValueError, match="least <= most"):
        VaryDepth(3, 2)


def test_a_policy_takes_other_cycles_than_in_training(tmp_path):
    model = steep(make("PPO", "box"))
    other = make("PPO", "box", k_cycles=5)
    other.set_parameters(model.get_parameters())
    seen = torch.as_tensor(model.get_env().reset())
    own, theirs = (one.policy.get_distribution(seen).distribution.logits for one in (model, other))
    assert not torch.allclose(own, theirs)
    model.policy.unroll = 5
    assert torch.equal(model.policy.get_distribution(seen).distribution.logits, theirs)
    model.save(tmp_path / "model")
    assert PPO.load(tmp_path / "model", device="cpu").policy.unroll == SMALL["k_cycles"]
    with pytest.raises(ValueError, match="unroll must be"):
        model.policy.unroll = 0


def test_plans_are_told_by_what_is_not_zero():
    features = OneHotPlans(PlanSpace(spaces.Dict(plans(2))))
    seen = {"instance": [[0, 3]], "plan": [[1, 0]], "remaining_edits": [[4]]}
    told = features({key: torch.tensor(value) for key, value in seen.items()})
    assert told.tolist() == [[0, 0, 0, 0, 0, 1, 1, 0, 0.25]] and features.features_dim == 9


def test_whole_rollouts_hold_each_step_once_an_epoch_and_keep_environments_together():
    model = make("PPO", "plans", mixer="conv")
    space, actions = model.observation_space, model.action_space
    buffer = WholeRollouts(3, space, actions, n_envs=4)
    for step in range(3):
        seen = {key: np.stack([box.sample() for _ in range(4)]) for key, box in space.spaces.items()}
        number = np.arange(4, dtype=np.float32) * 10 + step
        buffer.add(seen, np.zeros((4, 1)), number, np.zeros(4), torch.as_tensor(number), torch.zeros(4))
    epochs = [[batch.old_values.tolist() for batch in buffer.get(6)] for _ in range(8)]
    for epoch in epochs:
        assert sorted(value for batch in epoch for value in batch) == [
            10 * env + step for env in range(4) for step in range(3)
        ]
        assert all(len({value // 10 for value in batch}) == 2 for batch in epoch)
    assert len({str(epoch) for epoch in epochs}) > 1
    assert [len(batch.actions) for batch in buffer.get()] == [12]
    learned = PPO(
        RecursivePolicy,
        "trm_envs:MazeWalk-5x5-v0",
        n_steps=16,
        batch_size=8,
        n_epochs=2,
        rollout_buffer_class=WholeRollouts,
        policy_kwargs={**SMALL, "mixer": "neighbours"},
        seed=0,
    ).learn(16)
    assert learned.num_timesteps == 16
