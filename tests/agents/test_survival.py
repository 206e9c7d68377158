"""The survival value: backups and labels against all solved grids of 4x4 Sudoku."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from search_helpers import solved_grids, sudokus

from trm_agents.survival import Labels, Survival, backup, label
from trm_agents.survival.backup import Flags, Floats, Plans
from trm_agents.survival.labels import KEPT_WEIGHT, EditValues, ramped
from trm_agents.survival.refutations import propagated, refuted_at
from trm_agents.survival.targets import SAMPLED_WEIGHT
from trm_envs.plan_edit.cover import Cover, symbol_cover
from trm_envs.plan_edit.mdp import PlanStates
from trm_envs.sudoku.place_env import place_problem
from trm_envs.sudoku.task import SudokuTask

SEEDS = st.integers(0, 2**32 - 1)
TASK, CELLS, SYMBOLS = SudokuTask(4), 16, 4
# Three symbols in three cells and in pairs of cells that may not share one, of uneven lengths.
UNEVEN = symbol_cover(5, 3, [np.array([[0, 1, 2]])], at_most_once=[np.array([[1, 3, -1], [2, 3, 4]])])
COVERS = {"sudoku": (TASK.cover, CELLS, SYMBOLS), "uneven": (UNEVEN, 5, 3)}
ON_COVERS = pytest.mark.parametrize(("cover", "n_cells", "n_symbols"), COVERS.values(), ids=COVERS)
EPS = 1e-5  # What float32 sums may be off.


GRIDS = solved_grids()


def marks(plans: Plans) -> Floats:
    """Which options the plans hold, (B, T)."""
    return (plans[:, :, None] == np.arange(1, SYMBOLS + 1)).reshape(len(plans), -1).astype(np.float32)


GRID_MARKS = marks(GRIDS)


def agreeing(plans: Plans) -> Flags:
    """Which solved grids hold every symbol that the plans hold, (B, 288)."""
    return marks(plans) @ GRID_MARKS.T == (plans > 0).sum(axis=1)[:, None]


def exact_value(plans: Plans) -> Flags:
    """W: whether the plans can be completed, (B,)."""
    return agreeing(plans).any(axis=1)


def exact_w(plans: Plans) -> Floats:
    """w: whether the plans can be completed with each option for a blank, (B, T)."""
    return (np.repeat(plans == 0, SYMBOLS, axis=1) & (agreeing(plans) @ GRID_MARKS > 0)).astype(np.float32)


def after_options(plans: Plans, options: NDArray[np.int64]) -> Plans:
    """The plans with one option each written."""
    after = plans.copy()
    after[np.arange(len(plans)), options // SYMBOLS] = options % SYMBOLS + 1
    return after


@cache
def walked() -> PlanStates:
    """States with a blank each, reached from puzzles with one solution or several by consistent edits, most wrong."""
    rng = np.random.default_rng(0)
    several = np.where(rng.random((60, CELLS)) < rng.uniform(0.4, 0.9, (60, 1)), 0, rng.choice(GRIDS, 60))
    puzzles = np.concatenate([sudokus(4, 150), several.astype(np.int8), np.zeros((5, CELLS), np.int8)])
    plans = puzzles.copy()
    for b in range(len(plans)):
        for _ in range(rng.integers(0, 7)):
            legal = TASK.action_mask(puzzles[b : b + 1], plans[b : b + 1], "consistent")[0]
            legal &= np.repeat(plans[b] == 0, SYMBOLS)
            right = np.flatnonzero(legal & (exact_w(plans[b : b + 1])[0] > 0))
            edits = right if len(right) and rng.random() < 0.2 else np.flatnonzero(legal)
            if (plans[b] == 0).sum() < 2 or not len(edits):
                break
            plans[b : b + 1] = after_options(plans[b : b + 1], rng.choice(edits, 1))
    alive = exact_value(plans)
    assert len(plans) >= 200 and 50 < alive.sum() < len(plans) - 50
    return PlanStates(puzzles, plans, (plans == 0).sum(axis=1).astype(np.int32))


@cache
def of_exact() -> tuple[Plans, Floats, backup.Status, Floats]:
    plans = walked().plans
    w, of = exact_w(plans), backup.status(plans, TASK.cover)
    return plans, w, of, backup.sums(w, of, TASK.cover)


def test_the_oracle_is_the_value_of_the_successor() -> None:
    plans, w, of, _ = of_exact()
    for plan, row, legal in zip(plans, w, of.legal, strict=True):
        after = after_options(np.tile(plan, (CELLS * SYMBOLS, 1)), np.arange(CELLS * SYMBOLS))
        np.testing.assert_array_equal(row, exact_value(after) & legal)


def test_where_nothing_can_be_taken_back_it_is_the_success_of_the_best_policy() -> None:
    mdp = place_problem(4, legal_actions="givens").mdp

    @cache
    def best(instance: bytes, plan: bytes) -> bool:
        given, now = (np.frombuffer(grid, np.int8)[None] for grid in (instance, plan))
        state = PlanStates(given, now, np.array([CELLS], np.int32))
        actions = np.flatnonzero(mdp.action_mask(state)[0])
        step = mdp.transition(state.at(np.zeros(len(actions), np.int64)), actions)
        going = step.successors.plans[~step.terminated]
        return bool(step.checks.solved.any()) or any(best(instance, after.tobytes()) for after in going)

    plans = walked().plans
    few = np.flatnonzero(((plans == 0).sum(axis=1) <= 4) & (plans == 0).any(axis=1))[:60]
    values = exact_value(plans[few])
    assert 10 < values.sum() < len(few) - 10
    # Given or placed makes no difference to what may follow.
    assert [best(plan.tobytes(), plan.tobytes()) for plan in plans[few]] == values.tolist()


def test_the_state_value_of_the_exact_w_is_exact() -> None:
    plans, _, of, sums = of_exact()
    np.testing.assert_array_equal(backup.state_value(sums, of), exact_value(plans))
    grids = GRIDS
    broken = grids.copy()
    broken[:, 0] = grids[:, 1]
    for full, value in ((grids, 1.0), (broken, 0.0)):
        of = backup.status(full, TASK.cover)
        assert (backup.state_value(backup.sums(0 * marks(full), of, TASK.cover), of) == value).all()


def test_bounds_of_the_exact_w_refute_nothing_that_survives() -> None:
    _, w, of, sums = of_exact()
    bounds = backup.bounds(w, sums, of, TASK.cover)
    assert (bounds >= w).all() and (bounds[~of.legal] == 0).all()
    # They do refute: most edits that are legal and fatal.
    fatal = of.legal & (w == 0)
    assert (bounds[fatal] == 0).mean() > 0.5


@settings(max_examples=40, deadline=None)
@given(SEEDS)
def test_bounds_are_monotone_and_sound_above_the_exact_w(seed: int) -> None:
    rng, (_, exact, of, _) = np.random.default_rng(seed), of_exact()
    w = np.maximum(exact, rng.random(exact.shape) ** rng.choice([0.2, 1.0, 5.0])).astype(np.float32)
    more = np.minimum(w + rng.random(w.shape) ** 2, 1.0).astype(np.float32)
    low, high = (backup.bounds(x, backup.sums(x, of, TASK.cover), of, TASK.cover) for x in (w, more))
    assert (low >= exact - EPS).all() and (high >= low - EPS).all()
    value = backup.state_value(backup.sums(w, of, TASK.cover), of)
    assert (value >= exact_value(walked().plans) - EPS).all()


def test_forced_edits_keep_every_completion_and_claim_nothing_on_dead_plans() -> None:
    plans, w, of, sums = of_exact()
    after, written = backup.forced(plans, w, sums, of, TASK.cover, 0.1)
    alive = exact_value(plans)
    assert not written[~alive].any() and (after[~alive] == plans[~alive]).all()
    assert written[alive].any(axis=1).mean() > 0.5
    assert (w[written] == 1).all() and exact_value(after[alive]).all()
    np.testing.assert_array_equal(marks(after), np.maximum(marks(plans), written))
    left = backup.status(after, TASK.cover).legal
    np.testing.assert_array_equal(exact_w(after)[left], w[left])
    for b, option in np.argwhere(written):
        assert not w[b, TASK.cover.rivals[option]].any()


def reachable(plans: Plans) -> tuple[Plans, NDArray[np.int64]]:
    """All plans that legal options lead to, and a key for each, ascending: the plan read as a number to base 5."""
    found = level = np.unique(plans, axis=0)
    while len(level):
        rows, options = np.nonzero(backup.status(level, TASK.cover).legal)
        level = np.unique(after_options(level[rows], options), axis=0)
        found = np.concatenate([found, level])
    keys, first = np.unique(found @ 5 ** np.arange(CELLS), return_index=True)
    return found[first], keys


def best_of_worst(w: Floats, of: backup.Status) -> Floats:
    """Min over open constraints of max over their legal options; 1 where solved, 0 where broken."""
    best = np.where(of.legal, w, 0)[:, TASK.cover.options].max(axis=2)
    value = np.where(of.met > 0, 1.0, best).min(axis=1)
    return np.where(of.broken, 0.0, value).astype(np.float32)


def test_the_backup_iterated_from_1_ends_at_the_exact_value() -> None:
    rng = np.random.default_rng(1)
    several = GRIDS[rng.integers(288, size=60)]
    np.put_along_axis(several, rng.random(several.shape).argsort(axis=1)[:, :8], 0, axis=1)
    plans, keys = reachable(np.concatenate([sudokus(4, 100, (5, 6)), several]))
    of, exact = backup.status(plans, TASK.cover), exact_w(plans)
    rows, options = np.nonzero(of.legal)
    successors = np.searchsorted(keys, keys[rows] + (options % SYMBOLS + 1) * 5 ** (options // SYMBOLS))
    np.testing.assert_array_equal(plans[successors], after_options(plans[rows], options))
    w, changes = of.legal.astype(np.float32), 0
    for _ in range(CELLS):
        value = best_of_worst(w, of)
        np.testing.assert_array_equal(backup.state_value(backup.sums(w, of, TASK.cover), of), value)
        before, w = w, np.zeros_like(w)
        w[rows, options] = value[successors]
        assert (exact <= w).all() and (w <= before).all()
        changes += bool((w != before).any())
    # One backup is not enough, and the last ones change nothing.
    assert 1 < changes < CELLS
    np.testing.assert_array_equal(w, exact)
    np.testing.assert_array_equal(best_of_worst(w, of), exact_value(plans))


def plain(table: NDArray[np.int64]) -> list[set[int]]:
    return [{int(entry) for entry in row if entry >= 0} for row in table]


def plain_status(plan: Plans, cover: Cover, n_symbols: int) -> tuple[set[int], set[int], bool, bool]:
    """Open required constraints, legal options, broken, solved."""
    chosen = {cell * n_symbols + int(symbol) - 1 for cell, symbol in enumerate(plan) if symbol}
    counts = [len(options & chosen) for options in plain(cover.options)]
    legal = {o for o, own in enumerate(plain(cover.constraints)) if not any(counts[g] for g in own)}
    broken = max(counts) > 1
    open_ = {g for g, count in enumerate(counts) if cover.required[g] and not count}
    return open_, legal, broken, not open_ and not broken


def plain_bound(option: int, w: Floats, open_: set[int], legal: set[int], cover: Cover) -> float:
    rivals, sets = plain(cover.rivals[option : option + 1])[0], plain(cover.options)
    rest = [sum(float(w[o]) for o in sets[g] & legal - rivals) for g in open_ if option not in sets[g]]
    return max(0.0, min([1.0, *rest]))


def plain_forced(w: Floats, open_: set[int], legal: set[int], cover: Cover, room: float) -> list[int]:
    sets, rivals, out = plain(cover.options), plain(cover.rivals), []
    for option in sorted(legal):
        others = [sum(float(w[o]) for o in sets[g] & legal - {option}) for g in open_ if option in sets[g]]
        if w[option] >= 0.5 and min(others, default=np.inf) < room and not rivals[option] & set(out):
            out.append(option)
    return out


@ON_COVERS
@settings(max_examples=25, deadline=None)
@given(seed=SEEDS)
def test_kernels_are_their_formulas(cover: Cover, n_cells: int, n_symbols: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    plans = rng.integers(1, n_symbols + 1, (6, n_cells)).astype(np.int8)
    if n_cells == CELLS:
        plans[1:] = GRIDS[rng.integers(288, size=5)]
    plans[rng.random(plans.shape) < np.array([0.3, 0.0, 0.1, 0.4, 0.7, 0.9])[:, None]] = 0
    w = rng.random((6, n_cells * n_symbols)).astype(np.float32) ** rng.choice([0.5, 3.0])
    room = rng.choice([0.1, 0.5, 1.5])
    of = backup.status(plans, cover)
    sums = backup.sums(w, of, cover)
    bounds = backup.bounds(w, sums, of, cover)
    after, written = backup.forced(plans, w, sums, of, cover, room)
    for b, plan in enumerate(plans):
        open_, legal, broken, solved = plain_status(plan, cover, n_symbols)
        assert (set(np.flatnonzero(of.legal[b])), of.broken[b], of.solved[b]) == (legal, broken, solved)
        sets = plain(cover.options)
        expected = [sum(float(w[b, o]) for o in sets[g] & legal) if g in open_ else np.inf for g in range(len(sets))]
        np.testing.assert_allclose(sums[b], expected, rtol=EPS)
        np.testing.assert_allclose(backup.state_value(sums, of)[b], 0.0 if broken else min(1.0, *expected), rtol=EPS)
        here = [plain_bound(o, w[b], open_, legal, cover) if o in legal else 0.0 for o in range(w.shape[1])]
        np.testing.assert_allclose(bounds[b], here, atol=EPS)
        forced = plain_forced(w[b], open_, legal, cover, room)
        assert np.flatnonzero(written[b]).tolist() == forced
        plan[np.array(forced, int) // n_symbols] = np.array(forced, int) % n_symbols + 1
        np.testing.assert_array_equal(after[b], plan)


class Asked:
    """Values of edits that keep the plans they were asked about."""

    def __init__(self, values: EditValues) -> None:
        self.values, self.plans = values, list[Plans]()

    def __call__(self, states: PlanStates) -> Floats:
        self.plans.append(states.plans.copy())
        np.testing.assert_array_equal(states.remaining_edits, (states.plans == 0).sum(axis=1))
        return self.values(states)


def oracle(states: PlanStates) -> Floats:
    return exact_w(states.plans)


def ignorant(states: PlanStates) -> Floats:
    """Knows the rules and nothing else."""
    return backup.status(states.plans, TASK.cover).legal.astype(np.float32)


def labelled(values: EditValues, of: Survival, warm: bool = True, states: PlanStates | None = None) -> Labels:
    return label(walked() if states is None else states, values, TASK.cover, of, np.random.default_rng(0), warm)


def test_what_the_iterated_bound_refutes_is_dead_and_found_round_by_round() -> None:
    plans = walked().plans
    rounds, legal = refuted_at(plans, TASK.cover), backup.status(plans, TASK.cover).legal
    assert not exact_w(plans)[rounds > 0].any()
    assert (rounds[~legal] == 1).all() and set(np.unique(rounds)) >= {0, 1, 2}
    w = legal.astype(np.float32)
    for this in range(1, int(rounds.max()) + 2):
        of = backup.status(plans, TASK.cover)
        w = (backup.bounds(w, backup.sums(w, of, TASK.cover), of, TASK.cover) > 0).astype(np.float32) * w
        np.testing.assert_array_equal(w > 0, legal & ((rounds == 0) | (rounds > this)))


def test_propagation_writes_what_has_one_option_left() -> None:
    puzzles = sudokus(4, 60, (4, 10))
    written = propagated(puzzles, TASK.cover)
    left = (refuted_at(puzzles, TASK.cover) == 0).reshape(-1, CELLS, SYMBOLS).sum(axis=2)
    np.testing.assert_array_equal(written > 0, (puzzles > 0) | (left == 1))
    assert exact_value(written).all() and TASK.check(puzzles, written).solved.mean() > 0.5


SETTINGS = [{}, {"rounds": 0}, {"rounds": 5}, {"successors": 0}, {"successors": 7}, {"bounds": False}]
ON_SETTINGS = pytest.mark.parametrize("kwargs", SETTINGS, ids=str)


@ON_SETTINGS
def test_labels_of_the_exact_w_are_exact_and_every_plan_asked_about_counts(kwargs: dict[str, int]) -> None:
    values, before, settings_ = Asked(oracle), walked().plans.copy(), Survival(**kwargs)
    said = labelled(values, settings_)
    exact, legal = exact_w(before), backup.status(before, TASK.cover).legal
    np.testing.assert_array_equal(said.label[said.weight > 0], exact[said.weight > 0])
    np.testing.assert_array_equal(walked().plans, before)
    # Every option of a blank cell has a weight, and no other.
    blank = np.repeat(before == 0, SYMBOLS, axis=1)
    np.testing.assert_array_equal(said.weight > 0, blank)
    np.testing.assert_array_equal(said.weight[blank & ~legal], 1.0)
    unscaled = said.weight[legal] / (1 + (settings_.alive_weight - 1) * said.label[legal])
    assert unscaled.min() > KEPT_WEIGHT - EPS and unscaled.max() < SAMPLED_WEIGHT + EPS
    assert said.log["trusted_share"] == 1.0
    np.testing.assert_array_equal(values.plans[0], before)
    assert said.queries == sum(map(len, values.plans[1:]))
    assert len(values.plans) <= 1 + settings_.rounds + bool(settings_.successors)


@pytest.mark.parametrize("values", [oracle, ignorant])
@pytest.mark.parametrize("successors", [0, 1, 5])
@pytest.mark.parametrize("rounds", [1, 2, 20])
def test_no_forced_edit_finishes_a_plan(values: EditValues, successors: int, rounds: int) -> None:
    asked = Asked(values)
    # Few blanks: rounds of forced edits would finish these at once.
    puzzles = np.concatenate([sudokus(4, 30, (1, 3)), walked().plans])
    states = PlanStates(puzzles, puzzles, (puzzles == 0).sum(axis=1).astype(np.int32))
    labelled(asked, Survival(rounds=rounds, successors=successors), states=states)
    solved = [bool(backup.status(plans, TASK.cover).solved.any()) for plans in asked.plans]
    # Only a successor that was drawn may be solved, and successors are asked about last.
    assert not any(solved[:-1]) and solved[-1] == (successors > 0)


@ON_SETTINGS
@pytest.mark.parametrize("warm", [False, True])
def test_ignorant_labels_never_refute_what_survives_nor_allow_a_clash(warm: bool, kwargs: dict[str, int]) -> None:
    said = labelled(ignorant, Survival(**kwargs), warm)
    _, exact, of, _ = of_exact()
    assert not said.label[~of.legal].any() and (said.label >= exact).all()
    # Something is refuted that the constraints allow, unless nothing looks for it.
    assert (said.label[of.legal] == 0).any() == (warm or kwargs.get("bounds", True))


def test_until_warm_the_values_are_asked_about_the_states_alone() -> None:
    asked = Asked(oracle)
    said = labelled(asked, Survival(bounds=False), warm=False)
    refused = np.repeat(walked().plans == 0, SYMBOLS, axis=1) & ~said.of.legal
    assert refused.any() and (said.weight[refused] == 1).all()
    assert len(asked.plans) == 1 and len(asked.plans[0]) == len(walked().plans) and said.queries == 0
    np.testing.assert_array_equal(said.label, said.of.legal)


def test_where_forced_edits_contradict_themselves_labels_are_read_where_the_state_is() -> None:
    contradicted = 0
    for states in (walked().at(slice(row, row + 1)) for row in range(len(walked().plans))):
        said = labelled(ignorant, Survival(rounds=3, successors=0), states=states)
        if said.log["trusted_share"] == 0.0:
            contradicted += 1
            assert not exact_value(states.plans)[0]
            here = labelled(ignorant, Survival(rounds=0, successors=0), states=states)
            np.testing.assert_array_equal(said[:2], here[:2])
    assert contradicted > 5


def test_the_ramp_by_hand() -> None:
    values = np.array([0.0, 0.1, 0.2, 0.25, 0.3, 1.0, np.inf], np.float32)
    np.testing.assert_allclose(ramped(values, Survival(ramp=[0.1, 0.3]).ramp), [0, 0, 0.5, 0.75, 1, 1, 1], atol=1e-6)


BAD = [{name: -1} for name in ("rounds", "successors", "anchor")]
BAD += [{name: bad} for name in ("first_states", "warm_up", "exploration") for bad in (-0.1, 1.1, float("nan"))]
BAD += [{name: bad} for name in ("room", "alive_weight") for bad in (0.0, -1.0)]
BAD += [{"ramp": bad} for bad in ((0.2, 0.1), (0.1, 0.1), (-0.1, 0.5), (0.5, 1.1), (0.1,), (0.1, 0.2, 0.3))]


@pytest.mark.parametrize("kwargs", BAD, ids=str)
def test_bad_settings_are_refused_by_name(kwargs: dict[str, float]) -> None:
    (name,) = kwargs
    with pytest.raises(ValueError, match=rf"^Survival: .*\b{name}\b"):
        Survival(**kwargs)
