"""The recursive core: projection, contraction, equivariance, inputs."""

import numpy as np
import pytest
import torch

from trm_agents.common.collection import as_tensors
from trm_agents.recursion import project_ball, repair_network, token_network, vector_network
from trm_agents.recursion.encoders import token_table
from trm_envs.plan_edit.mdp import PlanEditMDP
from trm_envs.plan_edit.spaces import observe
from trm_envs.sudoku.symmetry import random_symmetry
from trm_envs.sudoku.task import SudokuTask

PUZZLE = np.array([[1, 0, 0, 0, 0, 0, 3, 0, 0, 4, 0, 0, 0, 0, 0, 2]], np.int8)


def observation(instances, plans, remaining=7):
    left = torch.full((len(plans), 1), remaining, dtype=torch.int32)
    return {"instance": torch.as_tensor(instances), "plan": torch.as_tensor(plans), "remaining_edits": left}


def randomised(network, seed=0, scale=0.3):
    """Heads start at zero, which would hide everything behind them."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(scale * torch.randn(parameter.shape, generator=generator))
    return network


def edited_plans(rng, count=8):
    plans = np.repeat(PUZZLE, count, axis=0)
    blank = plans == 0
    plans[blank] = (rng.integers(0, 5, plans.shape) * (rng.random(plans.shape) < 0.5))[blank].astype(np.int8)
    return plans


def test_projection_scales_only_what_lies_outside():
    z = torch.stack([torch.full((2, 3), 0.1), torch.full((2, 3), 5.0)])
    projected, outside = project_ball(z, 2.0)
    assert outside.tolist() == [False, True]
    assert torch.equal(projected[0], z[0])
    assert projected[1].norm() == pytest.approx(2.0)
    assert torch.allclose(projected[1] / projected[1].norm(), z[1] / z[1].norm())


def test_projection_is_one_lipschitz():
    generator = torch.Generator().manual_seed(1)
    a, b = 3 * torch.randn(2, 500, 6, generator=generator)
    moved = (project_ball(a, 2.0)[0] - project_ball(b, 2.0)[0]).norm(dim=1)
    assert (moved <= (a - b).norm(dim=1) + 1e-6).all()


def test_token_table_is_the_tasks_categories():
    task = SudokuTask(4)
    table = token_table(task)
    rng = np.random.default_rng(0)
    plans = edited_plans(rng)
    instances = np.repeat(PUZZLE, len(plans), axis=0)
    looked_up = table[torch.as_tensor(instances).long(), torch.as_tensor(plans).long()]
    assert np.array_equal(looked_up.numpy(), task.token_types(instances, plans))


def test_token_network_is_equivariant_to_the_symmetries_of_sudoku():
    rng = np.random.default_rng(3)
    network = randomised(token_network(PlanEditMDP(SudokuTask(4)), unroll=3))
    plans = edited_plans(rng)
    instances = np.repeat(PUZZLE, len(plans), axis=0)
    with torch.no_grad():
        before = network(observation(instances, plans))
        for _ in range(5):
            cells, digits = random_symmetry(4, rng)
            moved = [digits[grid[:, cells]].astype(np.int8) for grid in (instances, plans)]
            after = network(observation(*moved))
            logits = before.logits.reshape(-1, 16, 4)[:, cells]
            expected = torch.empty_like(logits)
            expected[:, :, torch.as_tensor(digits[1:].astype(np.int64)) - 1] = logits
            assert torch.allclose(after.logits, expected.flatten(1), atol=1e-4)
            assert torch.allclose(after.value, before.value, atol=1e-4)


def test_edits_left_are_an_input():
    network = randomised(token_network(PlanEditMDP(SudokuTask(4))))
    with torch.no_grad():
        early, late = (network(observation(PUZZLE, PUZZLE, left)) for left in (16, 1))
    assert not torch.allclose(early.value, late.value)
    assert not torch.allclose(early.logits, late.logits)


@pytest.mark.parametrize("stop", [None, "noop"])
@pytest.mark.parametrize("erase", [False, True])
def test_every_action_has_a_logit(stop, erase):
    mdp = PlanEditMDP(SudokuTask(4, can_erase=erase), stop_action=stop)
    assert token_network(mdp)(observation(PUZZLE, PUZZLE)).logits.shape == (1, mdp.n_actions)


def test_latents_stay_in_the_ball_at_any_depth():
    network = randomised(token_network(PlanEditMDP(SudokuTask(4)), radius=3.0))
    unrolled = network.run(observation(PUZZLE, PUZZLE), unroll=9)
    assert len(unrolled.latents) == 9
    assert all(z.norm() <= 3.0 + 1e-4 for z in unrolled.latents)
    assert 0.0 <= float(unrolled.projected) <= 1.0


def test_unrolling_continues_from_a_latent():
    network = randomised(token_network(PlanEditMDP(SudokuTask(4))))
    state = observation(PUZZLE, PUZZLE)
    whole = network.run(state, unroll=5).latents[-1]
    resumed = network.run(state, network.run(state, unroll=2).latents[-1], unroll=3).latents[-1]
    assert torch.allclose(whole, resumed, atol=1e-5)


@pytest.mark.parametrize("contraction", ["clamp", "certified"])
@pytest.mark.parametrize("kind", ["token", "vector"])
def test_contracted_core_contracts(kind, contraction):
    """Random weights, after clamping where clamping is what contracts."""
    dials = {"contraction": contraction, "lipschitz": 0.7, "radius": None}
    if kind == "token":
        network = token_network(PlanEditMDP(SudokuTask(4)), **dials)
        inputs, shape = observation(PUZZLE, PUZZLE).items(), (200, 64, 16)
        inputs = {key: value.expand(200, -1) for key, value in inputs}
    else:
        network = vector_network(3, 2, **dials)
        inputs, shape = torch.ones(200, 3), (200, 64)
    core = randomised(network).core
    core.clamp_()
    assert core.lipschitz_bound() <= 0.7 * (1 + 1e-6)
    a, b = torch.randn(2, *shape, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        moved = core.unroll(network.encoder(inputs), a, 1, None, 1).latents - (
            core.unroll(network.encoder(inputs), b, 1, None, 1).latents
        )
    assert (moved[0].flatten(1).norm(dim=1) <= 0.7 * (a - b).flatten(1).norm(dim=1) * (1 + 1e-5)).all()


def test_uncontracted_cores_promise_nothing():
    assert token_network(PlanEditMDP(SudokuTask(4))).core.lipschitz_bound() == np.inf
    assert vector_network(3, 2).core.lipschitz_bound() == np.inf


def test_bad_dials_are_named():
    mdp = PlanEditMDP(SudokuTask(4))
    for keyword, value in (("unroll", 0), ("radius", -1.0), ("contraction", "tight"), ("lipschitz", 1.5)):
        with pytest.raises(ValueError, match=keyword):
            token_network(mdp, **{keyword: value})


def test_an_edit_is_read_from_its_token_and_the_mean_of_its_cell():
    network = randomised(token_network(PlanEditMDP(SudokuTask(4))))
    h = torch.randn(2, 16, 4, 16)
    both = torch.cat([h, h.mean(2, keepdim=True).expand_as(h)], dim=-1)
    with torch.no_grad():
        assert torch.allclose(network.policy_head(h), network.policy_head.edit(both).flatten(1), atol=1e-5)


def test_a_carried_latent_takes_its_own_number_of_inner_steps():
    mdp = PlanEditMDP(SudokuTask(4))
    torch.manual_seed(0)
    network = repair_network(mdp, width=8, hidden=8, unroll=5)
    with torch.no_grad():
        network.weight.normal_()
    grid = np.zeros((3, 16), np.int8)
    seen = as_tensors(observe(mdp.initial(grid)), torch.device("cpu"))
    with torch.no_grad():
        carried = network.run(seen, None, 2, 1).latents[-1]
        carried[1] = 0.0
        network.carried_unroll = 3
        found = network.run(seen, carried, kept=2)
        on, first = network.run(seen, carried, 3, kept=2), network.run(seen, None, 5, kept=2)
    for row, expected in enumerate((on, first, on)):
        assert torch.allclose(found.latents[:, row], expected.latents[:, row], atol=1e-6)
        assert found.projected[row] == expected.projected[row]
    with torch.no_grad():
        # A depth that is asked for holds for all, as does n where nothing is carried.
        assert torch.equal(network.run(seen, carried, 4, 1).latents, network.run(seen, carried, 4).latents[-1:])
        assert torch.equal(network.run(seen, None, kept=1).latents, first.latents[-1:])
