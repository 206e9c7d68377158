"""Certified contraction: the exact norm, and attacks on the bound from random and gradient-ascent pairs of latents."""

from dataclasses import dataclass

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from trm_agents import CertifiedDense, CertifiedExactCover, ExactCover, HindsightTRM
from trm_agents.recursion import ExactCoverCore, plan_decoder
from trm_agents.recursion.cores import base
from trm_agents.recursion.cores.certified import CertifiedExactCoverCore
from trm_agents.recursion.cores.norms import modes, operator_norm
from trm_agents.theory.clamped import ClampedExactCover
from trm_envs.maze.task import MazeTask
from trm_envs.plan_edit.mdp import PlanEditMDP
from trm_envs.sudoku.task import SudokuTask

TASKS = {"4x4": SudokuTask(4), "9x9": SudokuTask(9), "maze": MazeTask(5)}
ROUNDING = 1000 * 2.0**-52
"""A thousand roundings of float64, in units of the latents: how wrong a measured difference of outputs may be."""


def core_of(task, seed=0, lipschitz=0.9, scale=1.0, kind=CertifiedExactCover):
    torch.manual_seed(seed)
    made = kind(lipschitz).build(8, task)
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.mul_(scale)
    return made


@dataclass
class Attack:
    """The step of a core on a few states, in float64: what the float32 weights mean exactly."""

    network: torch.nn.Module
    batch: int = 6

    def __post_init__(self):
        task = self.network.task
        rng = np.random.default_rng(1)
        grids = [
            rng.integers(0, h + 1, (self.batch, task.n_cells), np.int8) for h in (task.instance_high, task.plan_high)
        ]
        seen = dict(zip(("instance", "plan"), map(torch.from_numpy, grids), strict=True))
        seen["remaining_edits"] = torch.from_numpy(rng.integers(1, 9, (self.batch, 1), np.int32))
        self.core = self.network.core
        # The effective weights are computed in float32, as in use, and only then taken to float64.
        maps = self.core.step_maps()
        weights = type(maps)(*(w.detach().double() if isinstance(w, torch.Tensor) else w for w in maps))
        self.injection = self.network.encoder(seen)
        self.injection = self.injection._replace(
            table=self.injection.table.detach().double(), shift=self.injection.shift.detach().double()
        )
        self.network.double()
        self.core.step_maps = lambda: weights

    def allowed(self, z, other, lipschitz):
        """L plus what rounding may add to the measured ratio: latents and injections lose their last digits."""
        size = z.flatten(1).norm(dim=1) + other.flatten(1).norm(dim=1) + 100.0
        return lipschitz + ROUNDING * size / (z - other).flatten(1).norm(dim=1)

    def ratio(self, z, other):
        gain = self.core.gain(self.network.radius)
        moved = self.core.step(z, self.injection, gain) - self.core.step(other, self.injection, gain)
        return moved.flatten(1).norm(dim=1) / (z - other).flatten(1).norm(dim=1)

    def random_pair(self, seed, size, apart):
        generator = torch.Generator().manual_seed(seed)
        shape = (self.batch, self.core.n_cells * self.core.n_symbols, len(self.core.bias))
        z, d = torch.randn(2, *shape, generator=generator, dtype=torch.float64)
        return size * z, size * z + apart * d

    def ascend(self, seed, steps=40):
        """The largest ratio that gradient ascent on both latents of a pair finds; pairs stay far apart."""
        z, other = (x.requires_grad_() for x in self.random_pair(seed, 1.0, 0.1))
        optimizer = torch.optim.Adam([z, other], 0.05)
        best = 0.0
        for _ in range(steps):
            ratios = self.ratio(z, other)
            best = max(best, float(ratios.detach().max()))
            optimizer.zero_grad()
            (-ratios.sum()).backward()
            optimizer.step()
        return best


def attack_on(task, **kwargs):
    torch.manual_seed(0)
    network = plan_decoder(PlanEditMDP(task), width=8, core=CertifiedExactCover(kwargs.get("lipschitz", 0.9)))
    network.core = core_of(task, **kwargs)
    network.task = task
    return Attack(network)


def dense(core, task):
    """A as a matrix, column by column."""
    _, own, maps, _, _ = core.double().step_maps()
    size = own.shape[1] * task.n_cells * task.n_symbols
    basis = torch.eye(size, dtype=torch.float64).view(size, -1, own.shape[1])
    return core._mix(own, maps, basis).flatten(1).T.detach()


@pytest.mark.parametrize("scale", [0.02, 1.0])
@pytest.mark.parametrize("task", [SudokuTask(4), MazeTask(3)], ids=["4x4", "maze"])
def test_norm_by_modes_is_the_largest_singular_value(task, scale):
    core = core_of(task, scale=scale, kind=ClampedExactCover).double()
    norm = operator_norm(core.own, core.maps, core.modes)
    assert float(norm.detach()) == pytest.approx(float(torch.linalg.matrix_norm(dense(core, task), 2)), rel=1e-9)


def test_modes_of_sudoku_by_hand():
    # Rows plus columns 0, 9 or 18, boxes 0 or 9, digits 0 or 9; (9, 9) lies between (0, 9) and (18, 9).
    expected = [(line, box, digit) for line, box in ((0, 0), (9, 0), (0, 9), (18, 9)) for digit in (0, 9)]
    assert {tuple(mode) for mode in modes(SudokuTask(9).groups, 81, 9).tolist()} == set(expected)


def test_modes_of_a_maze_are_the_ends_of_one_kind():
    found = modes(MazeTask(4).groups, 16, 1)
    # A grid graph's adjacency: a 4-path's eigenvalues, 2 cos(k pi / 5), summed over both axes.
    values = sorted(2 * np.cos(i * np.pi / 5) + 2 * np.cos(j * np.pi / 5) for i in range(1, 5) for j in range(1, 5))
    assert found.shape == (2, 1)
    assert found[:, 0] == pytest.approx([values[0], values[-1]], abs=1e-8)


def test_groups_that_do_not_commute_are_refused():
    groups = {"one": np.array([[0, 1]]), "other": np.array([[1, 2]])}
    with pytest.raises(ValueError, match="'one' and 'other' do not commute"):
        CertifiedExactCoverCore(4, groups, 3, 2, 0.9)
    assert ExactCoverCore(4, groups, 3, 2).lipschitz_bound() == np.inf


@settings(max_examples=25, deadline=None)
@given(
    st.sampled_from(sorted(TASKS)),
    st.integers(0, 1000),
    st.sampled_from([0.2, 0.5, 0.9, 0.99, 1.0]),
    st.sampled_from([0.01, 1.0, 100.0]),
    st.floats(-4, 4),
    st.floats(-6, 3),
)
def test_random_pairs_never_move_apart_faster_than_l(name, seed, lipschitz, scale, size, apart):
    attack = attack_on(TASKS[name], seed=seed, lipschitz=lipschitz, scale=scale)
    z, other = attack.random_pair(seed, 10.0**size, 10.0**apart)
    assert (attack.ratio(z, other) <= attack.allowed(z, other, lipschitz)).all()


@pytest.mark.parametrize("task", TASKS.values(), ids=TASKS)
def test_gradient_ascent_finds_no_pair_above_l_but_comes_close(task):
    attack = attack_on(task, scale=3.0)
    found = max(attack.ascend(seed) for seed in range(3))
    assert 0.9 * 0.9 < found <= 0.9
    assert attack.core.lipschitz_bound() <= 0.9


def test_the_attack_finds_what_is_not_a_contraction():
    """An attack that cannot succeed proves nothing: without the division by |A| it does."""
    attack = attack_on(SudokuTask(4), scale=3.0)
    maps = attack.core.step_maps()
    tripled = {name: 3 * value for name, value in maps._asdict().items() if name != "keep"}
    attack.core.step_maps = lambda: maps._replace(**tripled)
    assert attack.ascend(0) > 0.9
    assert attack.core.lipschitz_bound() > 0.9


@pytest.mark.parametrize("dense", [False, True])
def test_the_constructor_proves_the_bound(dense, monkeypatch):
    monkeypatch.setattr(base, "SLACK", -0.5)
    with pytest.raises(ValueError, match=r"certified lipschitz=0\.9, but the weights give"):
        CertifiedDense(0.9).build(8) if dense else core_of(SudokuTask(4))


def test_other_cores_promise_less():
    free = ExactCover().build(8, SudokuTask(4))
    clamped = core_of(SudokuTask(4), kind=ClampedExactCover)
    assert not free.certified and not clamped.certified and core_of(SudokuTask(4)).certified
    assert clamped.lipschitz_bound() > 1.0
    for core in (free, clamped):
        core.clamp_()
    assert free.lipschitz_bound() == np.inf and clamped.lipschitz_bound() <= 0.9 * (1 + 1e-5)


def test_bound_holds_after_training_saving_and_loading(tmp_path):
    model = HindsightTRM(
        "TokenPolicy",
        "trm_envs:SudokuPlanEdit-4x4-v0",
        n_steps=64,
        min_buffer_size=1,
        learning_rate=0.1,
        unroll=3,
        policy_kwargs={"width": 8, "core": CertifiedExactCover(0.8)},
        seed=0,
        device="cpu",
    )
    before = model.policy.network.core.own.detach().clone()
    model.learn(192)
    assert not torch.equal(before, model.policy.network.core.own)
    model.save(tmp_path / "model.zip")
    loaded = HindsightTRM.load(tmp_path / "model.zip", device="cpu")
    for policy in (model.policy, loaded.policy):
        assert policy.network.core.lipschitz_bound() <= 0.8
        assert policy.core.lipschitz_bound() <= 0.8
    loaded.policy.network.task = SudokuTask(4)
    attack = Attack(loaded.policy.network)
    assert max(attack.ascend(seed) for seed in range(2)) <= 0.8


def test_step_is_compiled_as_it_is_attacked():
    """One float32 unroll against the float64 step, projection included."""
    attack = attack_on(SudokuTask(4))
    task, network = SudokuTask(4), attack.network
    z = None
    for _ in range(3):
        z = attack.core.step(z, attack.injection, attack.core.gain(network.radius))
        z = z * (network.radius / z.flatten(1).norm(dim=1).clamp_min(network.radius))[:, None, None]
    again = core_of(task)
    injection = attack.injection._replace(table=attack.injection.table.float(), shift=attack.injection.shift.float())
    compiled = again.unroll(injection, None, 3, network.radius, 1).latents[-1]
    assert torch.allclose(compiled.double(), z, rtol=1e-4, atol=1e-5)
