"""The recursive core: projection, contraction, equivariance, inputs."""

import numpy as np
import pytest
import torch

from trm_agents.recursion import CertifiedDense, CertifiedExactCover, token_network, vector_network
from trm_agents.recursion.cores.projection import project_ball
from trm_agents.recursion.encoders import token_table
from trm_agents.theory.clamped import ClampedExactCover
from trm_envs.plan_edit.mdp import PlanEditMDP
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


CORES = {
    "token-clamped": ClampedExactCover(0.7),
    "token-certified": CertifiedExactCover(0.7),
    "vector-certified": CertifiedDense(0.7),
}


@pytest.mark.parametrize("name", CORES)
def test_contracted_core_contracts(name):
    """Random weights, after clamping where clamping is what contracts."""
    if name.startswith("token"):
        network = token_network(PlanEditMDP(SudokuTask(4)), core=CORES[name], radius=None)
        inputs, shape = observation(PUZZLE, PUZZLE).items(), (200, 64, 16)
        inputs = {key: value.expand(200, -1) for key, value in inputs}
    else:
        network = vector_network(3, 2, core=CORES[name], radius=None)
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


def test_bad_settings_are_named():
    mdp = PlanEditMDP(SudokuTask(4))
    with pytest.raises(ValueError, match="unroll must be at least 1, got 0"):
        token_network(mdp, unroll=0)
    with pytest.raises(ValueError, match=r"radius must be positive or None, got -1\.0"):
        token_network(mdp, radius=-1.0)
    for core in (CertifiedExactCover, ClampedExactCover):
        with pytest.raises(ValueError, match=r"lipschitz must be .*got 1\.5"):
            token_network(mdp, core=core(1.5))
    with pytest.raises(ValueError, match=r"lipschitz must be .*got 0"):
        vector_network(3, 2, core=CertifiedDense(0.0))


def test_an_edit_is_read_from_its_token_and_the_mean_of_its_cell():
    network = randomised(token_network(PlanEditMDP(SudokuTask(4))))
    h = torch.randn(2, 16, 4, 16)
    both = torch.cat([h, h.mean(2, keepdim=True).expand_as(h)], dim=-1)
    with torch.no_grad():
        assert torch.allclose(network.policy_head(h), network.policy_head.edit(both).flatten(1), atol=1e-5)


@torch.no_grad()
def test_settled_states_stop_one_by_one_where_a_step_moves_them_less():
    """Against single steps by hand, state by state."""
    network = randomised(token_network(PlanEditMDP(SudokuTask(4)), core=CertifiedExactCover(0.7)))
    plans = edited_plans(np.random.default_rng(0), 6)
    seen = observation(np.repeat(PUZZLE, 6, axis=0), plans)
    path = network.run(seen, unroll=60).latents
    first = path[0].flatten(1).norm(dim=1)
    moved = torch.cat([first[None], (path[1:] - path[:-1]).flatten(2).norm(dim=2)])
    settled = network.settle(seen, 0.05)
    expected = (moved < 0.05).int().argmax(0) + 1
    assert settled.steps.tolist() == expected.tolist() and settled.steps.min() > 1
    for row, depth in enumerate(settled.steps):
        assert torch.allclose(settled.latent[row], path[depth - 1, row], atol=1e-5)
