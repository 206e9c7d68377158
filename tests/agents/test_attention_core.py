"""The core that is given no groups: what its step computes, and what learns with it."""

import numpy as np
import pytest
import torch

from trm_agents import UPITRM, Attention
from trm_agents.recursion import plan_decoder, token_network
from trm_agents.recursion.cores.two_level import rms_norm
from trm_envs.light_up.task import LightUpTask
from trm_envs.plan_edit.mdp import PlanEditMDP
from trm_envs.sudoku.task import SudokuTask

MDP = PlanEditMDP(SudokuTask(4))


def observed(mdp, count=5, seed=0):
    rng = np.random.default_rng(seed)
    highs = {"instance": mdp.task.instance_high, "plan": mdp.task.plan_high}
    seen = {
        key: torch.from_numpy(rng.integers(0, h + 1, (count, mdp.task.n_cells), np.int8)) for key, h in highs.items()
    }
    return {**seen, "remaining_edits": torch.from_numpy(rng.integers(1, mdp.max_edits, (count, 1)))}


def network(mdp=MDP, radius=10.0, **core):
    torch.manual_seed(0)
    net = plan_decoder(mdp, width=8, unroll=3, radius=radius, core=Attention(**core))
    torch.nn.init.normal_(net.weight)
    return net.double()


@pytest.mark.parametrize("mixer", ["attention", "mlp"])
def test_an_inner_step_is_its_layers_on_the_sum_of_latent_input_and_position(mixer):
    net, seen = network(radius=None, mixer=mixer), observed(MDP)
    given = net.encoder(seen)
    types = (5 * seen["instance"].long() + seen["plan"].long()).tolist()
    embedded = torch.stack([torch.stack([given.table[b, t] for t in row]) for b, row in enumerate(types)])
    z = torch.zeros(5, 16, 8, dtype=torch.float64)
    for latent in net.run(seen).latents:
        z = z + embedded + net.core.positions
        for layer in net.core.layers:
            z = rms_norm(z + layer.mixer(z))
            z = rms_norm(z + layer.swiglu(z))
        assert torch.allclose(latent, z)


def test_the_radius_is_a_unit():
    """Tokens have a root mean square of one before the projection, so a ball takes nothing from them."""
    seen, logits = observed(MDP), []
    for radius in (None, 1.0, 10.0):
        net = network(radius=radius)
        logits.append(net.logits(net.run(seen).latents, seen))
    assert torch.allclose(logits[1], logits[2], rtol=1e-9)
    assert torch.allclose(logits[0], logits[2], rtol=1e-3, atol=1e-3)


def test_cells_are_told_apart_by_their_positions_alone():
    """Without positions, and attending by what cells hold, equal cells would get equal scores."""
    net, seen = network(), observed(MDP, 1)
    same = {key: torch.ones_like(value) for key, value in seen.items()}
    assert net.logits(net.run(same).latents, same)[-1, 0].unique(dim=0).shape[0] == 16
    torch.nn.init.zeros_(net.core.positions)
    for layer in net.core.layers:
        layer.mixer.places.zero_()
    alike = net.logits(net.run(same).latents, same)[-1, 0]
    assert torch.allclose(alike, alike[:1].expand_as(alike))


@pytest.mark.parametrize("task", [SudokuTask(4), LightUpTask(4)], ids=["sudoku", "light-up"])
def test_groups_are_not_looked_at(task, monkeypatch):
    for name in ("groups", "cover"):
        monkeypatch.setattr(type(task), name, None)
    mdp = PlanEditMDP(task)
    net, seen = network(mdp), observed(mdp)
    assert net.logits(net.run(seen).latents, seen).shape == (3, 5, task.n_cells, task.n_symbols)


def test_heads_read_every_edit_of_a_cell():
    torch.manual_seed(0)
    net = token_network(MDP, width=8, core=Attention(), advantage_head=True)
    out = net(observed(MDP))
    assert out.logits.shape == out.advantages.shape == (5, MDP.n_actions) and out.value.shape == (5,)


@pytest.mark.parametrize(
    ("core", "message"),
    [({"layers": 0}, "layers must be at least 1, got 0"), ({"mixer": "conv"}, "mixer must be one of .*, got 'conv'")],
)
def test_bad_values_are_named(core, message):
    with pytest.raises(ValueError, match=f"Attention: {message}"):
        Attention(**core)


@pytest.mark.parametrize("mixer", ["attention", "mlp"])
def test_it_can_hold_what_belongs_into_each_cell_of_some_states(mixer):
    torch.manual_seed(0)
    net, seen = plan_decoder(MDP, width=16, unroll=3, core=Attention(layers=1, mixer=mixer)), observed(MDP, 8)
    goal = torch.randint(4, (8, 16))
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
    for _ in range(100):
        optimizer.zero_grad()
        logits = net.logits(net.run(seen, kept=1).latents, seen)[0]
        torch.nn.functional.cross_entropy(logits.flatten(0, 1), goal.flatten()).backward()
        optimizer.step()
    assert (logits.argmax(2) == goal).float().mean() > 0.95


def test_the_published_method_takes_it_too(tmp_path):
    def model(seed):
        return UPITRM(
            "TRMPolicy", "trm_envs:SudokuPlanEdit-4x4-v0", n_steps=32, seed=seed, device="cpu",
            policy_kwargs={"width": 8, "core": Attention()},
        )  # fmt: skip

    made = model(0).learn(64)
    made.save(tmp_path / "model.zip")
    loaded = UPITRM.load(tmp_path / "model.zip", device="cpu")
    assert loaded.policy_kwargs["core"] == Attention()
    again = model(0).learn(64)
    for one, other, third in zip(
        made.policy.parameters(), loaded.policy.parameters(), again.policy.parameters(), strict=True
    ):
        assert torch.equal(one, other) and torch.equal(one, third)
