"""The two-level core and its mixers: equations, hops, symmetry, options."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from trm_agents.recursion import Grid, Recursion, TwoLevelCore
from trm_agents.recursion.cores.mixers import MIXERS, Neighbours, adjacency
from trm_agents.recursion.cores.two_level import EPSILON
from trm_envs.sudoku.task import SudokuTask

SIDE = 5
GRID = Grid((SIDE, SIDE))


def core(seed=0, grid=GRID, **options):
    torch.manual_seed(seed)
    return TwoLevelCore(8, 4, grid, **options)


def inputs(batch=3, grid=GRID, seed=1):
    return torch.randn(batch, grid.n_tokens, 8, generator=torch.Generator().manual_seed(seed))


def norm(z):
    return z / np.sqrt((z**2).mean(-1, keepdims=True) + EPSILON)


def swiglu(layer, z):
    expand, contract = (part.weight.detach().numpy() for part in (layer.swiglu.expand, layer.swiglu.contract))
    gate, content = np.split(z @ expand.T, 2, axis=-1)
    return (gate / (1 + np.exp(-gate)) * content) @ contract.T


def affine(layer, z):
    return z @ layer.weight.detach().numpy().T + layer.bias.detach().numpy()


def cycle(made, z, x):
    """One cycle of a core without mixer, in NumPy."""
    h, low = z[..., :8] + x, z[..., 8:]
    for layer in made.high:
        h = norm(h + swiglu(layer, h))
    low = affine(made.down, h) + (low if made.carry else 0)
    for layer in made.low:
        low = norm(low + swiglu(layer, low))
    return np.concatenate([norm(h + affine(made.up, low)), low], axis=-1)


@pytest.mark.parametrize("carry", [False, True])
@pytest.mark.parametrize("inject", ["every", "once"])
def test_unrolling_is_the_equation_again_and_again(carry, inject):
    made, x = core(n_h_layers=2, n_l_layers=2, carry=carry, inject=inject), inputs()
    z, expected = np.zeros((3, GRID.n_tokens, 12)), []
    for k in range(4):
        z = cycle(made, z, x.numpy() if inject == "every" or k == 0 else 0)
        expected.append(z)
    latents = made.unroll(x, None, 4, None, 3).latents
    np.testing.assert_allclose(latents.detach().numpy(), expected[1:], atol=1e-5)
    assert torch.equal(made.tokens(latents), latents[..., :8])


def test_a_pass_from_a_latent_goes_on_and_hears_its_input():
    made, x = core(mixer="conv", carry=True), inputs()
    five = made.unroll(x, None, 5, None, 5).latents
    assert torch.allclose(made.unroll(x, five[1], 3, None, 1).latents[0], five[-1], atol=1e-6)
    once = core(mixer="conv", carry=True, inject="once")
    begun = once.unroll(x, five[1], 1, None, 1).latents[0]
    assert not torch.allclose(begun, once.unroll(torch.zeros_like(x), five[1], 1, None, 1).latents[0])


@pytest.mark.parametrize("mixer", ["neighbours", "conv"])
@pytest.mark.parametrize("layers", [1, 2])
def test_a_cycle_carries_a_change_one_hop_a_layer(mixer, layers):
    made, x = core(mixer=mixer, n_h_layers=layers), inputs(1)
    changed = x.clone()
    changed[0, 0] += 1.0
    hops = np.add.outer(range(SIDE), range(SIDE)) if mixer == "neighbours" else np.maximum.outer(*2 * [range(SIDE)])
    for cycles in (1, 2):
        before, after = (made.unroll(each, None, cycles, None, 1).latents[0, 0] for each in (x, changed))
        moved = (before - after).abs().amax(1).view(SIDE, SIDE).detach().numpy() > 0
        assert (moved == (hops <= cycles * layers)).all()


@pytest.mark.parametrize("mixer", ["attention", "mlp", None])
def test_others_reach_every_token_or_none(mixer):
    made, x = core(mixer=mixer, n_h_layers=1), inputs(1)
    changed = x.clone()
    changed[0, 0] += 1.0
    before, after = (made.unroll(each, None, 1, None, 1).latents[0, 0] for each in (x, changed))
    moved = (before - after).abs().amax(1) > 0
    assert moved[0] and (not moved[1:].any() if mixer is None else moved[1:].all())


@given(turns=st.integers(0, 3), flip=st.booleans())
@settings(max_examples=8, deadline=None)
def test_sums_and_maxima_alone_commute_with_every_symmetry_of_the_square(turns, flip):
    def turned(z):
        plane = torch.rot90(z.unflatten(1, GRID.shape), turns, (1, 2))
        return (plane.flip(1) if flip else plane).flatten(1, 2)

    for mixer, maxima, commutes in (
        ("neighbours", 0.0, True),
        ("neighbours", 0.5, True),
        ("neighbours", 1.0, True),
        ("conv", 0.0, (turns, flip) == (0, False)),
    ):
        made, x = core(mixer=mixer, maxima=maxima), inputs()
        there, back = made.unroll(turned(x), None, 3, None, 1).latents[0], made.unroll(x, None, 3, None, 1).latents[0]
        assert torch.allclose(there, turned(back), atol=1e-4) == commutes


def test_tokens_hear_those_that_share_a_group():
    task = SudokuTask(4)
    hears = adjacency(Grid((4, 4), task.groups))
    assert len(hears) == len(task.groups)
    for matrix, groups in zip(hears, task.groups.values(), strict=True):
        together = [[a != b and any({a, b} <= set(group) for group in groups) for b in range(16)] for a in range(16)]
        np.testing.assert_allclose(matrix, np.array(together) / max(map(sum, together)), rtol=1e-6)
    cells = [divmod(cell, 3) for cell in range(6)]
    four = adjacency(Grid((2, 3)))[0] > 0
    assert all(
        four[i, j] == (abs(a - c) + abs(b - d) == 1) for i, (a, b) in enumerate(cells) for j, (c, d) in enumerate(cells)
    )


@given(seed=st.integers(0, 999), peaks=st.integers(0, 3))
@settings(max_examples=30, deadline=None)
def test_what_a_token_hears_are_sums_and_maxima_over_the_others_of_its_groups(seed, peaks):
    rng = np.random.default_rng(seed)
    # Cells 4 and 5 share no group of the second kind with another one, and a maximum is then their own.
    groups = {"row": np.array([[0, 1, 2], [3, 4, 5]]), "some": np.array([[0, 3, -1], [1, 2, 3], [4, -1, -1]])}
    mixer = Neighbours(3, Grid((2, 3), groups), peaks).double()
    z = rng.integers(-3, 3, (4, 6, 3)).astype(float)
    expected = np.zeros_like(z)
    for send, kind in zip(mixer.maps, groups.values(), strict=True):
        others = [{c for group in kind if t in group for c in group} - {t, -1} for t in range(6)]
        for token, heard in enumerate(map(sorted, others)):
            sums = z[:, heard].sum(1) / max(map(len, others))
            top = z[:, heard or [token]].max(1)
            hears = np.concatenate([sums[:, : 3 - peaks], top[:, 3 - peaks :]], 1)
            expected[:, token] += hears @ send.weight.detach().numpy().T
    np.testing.assert_allclose(mixer(torch.from_numpy(z)).detach().numpy(), expected, atol=1e-6)
    distinct = torch.from_numpy(rng.permutation(np.arange(36.0)).reshape(2, 6, 3))
    assert torch.autograd.gradcheck(mixer, distinct.requires_grad_())


def test_how_many_ways_something_arrives_by_changes_sums_and_no_maximum():
    z = torch.zeros(1, 9, 1)
    z[0, [1, 3]] = 1.0
    more = z.clone()
    more[0, [5, 7]] = 1.0
    for peaks, changes in ((0, True), (1, False)):
        mixer = Neighbours(1, Grid((3, 3)), peaks)
        assert bool((mixer(z) != mixer(more))[0, 4]) == changes


@pytest.mark.parametrize("mixer", [*MIXERS, None])
@pytest.mark.parametrize("inject", ["every", "once"])
def test_settling_stops_each_state_where_its_own_latent_stands_still(mixer, inject):
    made, x = core(mixer=mixer, carry=True, inject=inject), inputs(6)
    network = Recursion(torch.nn.Identity(), made, 3, None)
    settled = network.settle_within(x, 0.3, most=7)
    for row in range(6):
        latents = made.unroll(x[row : row + 1], None, 7, None, 7).latents[:, 0]
        steps = 1
        while steps < 7 and (
            steps == 1 or (latents[steps - 1] - latents[steps - 2]).norm() >= 0.3 * latents[steps - 1].norm()
        ):
            steps += 1
        assert int(settled.steps[row]) == steps
        assert torch.allclose(settled.latent[row], latents[steps - 1], atol=1e-5)
    assert len(settled.steps.unique()) > 1 or settled.steps[0] < 7


def test_wrong_words_are_named():
    with pytest.raises(ValueError, match="mixer must be one of 'neighbours'"):
        core(mixer="convolution")
    with pytest.raises(ValueError, match="inject must be 'every' or 'once'"):
        core(inject="twice")
    with pytest.raises(ValueError, match="n_l_layers must be at least 1"):
        core(n_l_layers=0)
    with pytest.raises(ValueError, match="multiple of 4"):
        TwoLevelCore(6, 4, GRID, mixer="attention")
