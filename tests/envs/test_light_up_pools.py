"""Light Up: shipped puzzles checked again, the environments' keywords, and puzzles of the user's own."""

from __future__ import annotations

import gzip
import hashlib
import pickle
from dataclasses import replace

import gymnasium as gym
import numpy as np
import pytest

from baselines.logic import singles_line, solver_line
from benchmarks.protocol.evaluation import evaluate
from benchmarks.protocol.suites import pool, suite
from trm_envs import Curriculum, GeneratedInstances, pools
from trm_envs.building.build import encode
from trm_envs.building.table import POOLS
from trm_envs.building.verify import verify_pools
from trm_envs.light_up.env import LightUpPlanEditEnv, light_up_problem
from trm_envs.light_up.generator import generate, is_minimal
from trm_envs.light_up.pool import LightUpPool
from trm_envs.light_up.solver import count_solutions, solve, undecided
from trm_envs.light_up.sources import training_puzzles
from trm_envs.light_up.symmetry import orbit_keys
from trm_envs.light_up.text import format_puzzles, parse_puzzles
from trm_envs.plan_edit.square import turns
from trm_envs.pools.source import split_of_key

PUZZLES = {name: source for name, source in POOLS.items() if isinstance(source, LightUpPool)}
HELD_OUT = ("validation", "test")
FILES = [(name, split) for name in PUZZLES for split in HELD_OUT]


def puzzles_of(name, split):
    return parse_puzzles(pools.load(name, split), PUZZLES[name].size)


@pytest.mark.parametrize(("name", "split"), FILES)
def test_every_shipped_puzzle_has_one_solution_and_no_number_to_spare(name, split):
    puzzles, entry = puzzles_of(name, split), pools.manifest()[name]["splits"][split]
    assert len(np.unique(puzzles, axis=0)) == len(puzzles) == entry["count"] == {"validation": 256, "test": 512}[split]
    assert (count_solutions(puzzles) == 1).all()
    # A search for every number is slow: `verify` takes all puzzles.
    assert is_minimal(puzzles[::8]).all()
    keys = orbit_keys(puzzles)
    assert len(set(keys)) == len(keys) and {split_of_key(key) for key in keys} == {split}
    data = (pools.ROOT / "data" / entry["file"]).read_bytes()
    assert hashlib.sha256(data).hexdigest() == entry["sha256"]
    assert hashlib.sha256(gzip.decompress(data)).hexdigest() == entry["text_sha256"]


@pytest.mark.parametrize("name", PUZZLES)
def test_pools_begin_as_their_seed_says(name):
    few = replace(PUZZLES[name], validation=8, test=12)
    for split, lines in few.generate().items():
        assert len(lines) == {"train": 0, "validation": 8, "test": 12}[split]
        assert tuple(lines) == pools.load(name, split)[: len(lines)]
        assert encode(lines).count(b"\n") == len(lines)


def test_the_verifier_names_what_is_wrong(monkeypatch):
    source = PUZZLES["light-up-7x7"]
    good = pools.load(source.name, "test")[0]
    loose = format_puzzles(np.where(puzzles_of(source.name, "test")[:1] > 1, 1, puzzles_of(source.name, "test")[:1]))[0]
    # Numbers everywhere, as before they are thinned out.
    puzzle, solution = puzzles_of(source.name, "test")[0], solve(puzzles_of(source.name, "test")[:1])[0][0]
    bulbs = np.pad(solution.reshape(7, 7), 1)
    around = (bulbs[:-2, 1:-1] + bulbs[2:, 1:-1] + bulbs[1:-1, :-2] + bulbs[1:-1, 2:]).ravel()
    full = format_puzzles(np.where(puzzle > 0, 2 + around, 0).astype(np.int8)[None])[0]
    problems = source.problems([good, loose, full, good])
    assert any(p.startswith("line 2:") and "one solution" in p for p in problems)
    assert any(p.startswith("line 3:") and "spare" in p for p in problems)
    assert any("1 lines repeat" in p for p in problems)
    assert not any(p.startswith(("line 1:", "line 4:")) for p in problems)
    monkeypatch.setattr(pools, "load", lambda name, split: (good,) if split != "train" else ())
    faults, _ = verify_pools([source])
    assert any("orbits are in both validation and test" in fault for fault in faults)


def test_symmetric_puzzles_have_one_key():
    puzzles = generate(5, 30, np.random.default_rng(0))
    for turn in turns(5):
        assert orbit_keys(puzzles[:, turn]) == orbit_keys(puzzles)
    assert len(set(orbit_keys(puzzles))) == 30


@pytest.mark.parametrize("size", [7, 10])
@pytest.mark.parametrize("split", HELD_OUT)
def test_environments_play_the_shipped_puzzles(size, split):
    instances = light_up_problem(size, split=split).source.instances
    assert format_puzzles(instances) == list(pools.load(f"light-up-{size}x{size}", split))
    assert pool(*suite(f"light-up-{size}x{size}")[1:3], split).instances.shape == instances.shape


def test_training_puzzles_are_new_ones_and_none_of_a_held_out_orbit():
    source = light_up_problem(7).source
    assert isinstance(source, GeneratedInstances)
    drawn = training_puzzles(5, 120, np.random.default_rng(0))
    assert drawn.shape == (120, 25) and {split_of_key(key) for key in orbit_keys(drawn)} == {"train"}
    env = LightUpPlanEditEnv(6)
    first, second = (env.reset(seed=seed)[0]["instance"] for seed in (1, None))
    assert (first != second).any() and (env.reset(seed=1)[0]["instance"] == first).all()
    pickle.loads(pickle.dumps(env.unwrapped.source))


def test_stages_are_ranges_of_the_cells_that_forced_cells_leave_undecided():
    source = light_up_problem(5, curriculum=[[0, 0], (1, 9), (0, None)]).source
    assert isinstance(source, Curriculum)
    rng = np.random.default_rng(0)
    left = [undecided(np.stack([stage.sample(rng) for _ in range(20)])) for stage in source.stages]
    assert (left[0] == 0).all() and left[1].min() >= 1 and left[1].max() <= 9 and len(set(left[2].tolist())) > 2
    with pytest.raises(ValueError, match=r"no 5x5 puzzle belongs to the stage \(26, None\).*leave undecided is 0 to"):
        light_up_problem(5, curriculum=[(26, None)])
    with pytest.raises(ValueError, match="sequence of ranges of the number of open cells"):
        light_up_problem(5, curriculum=(0, 5))


def test_keywords_that_make_no_sense_are_refused():
    with pytest.raises(ValueError, match=r"shipped for the sizes \(7, 10\), not 8"):
        light_up_problem(8, split="test")
    with pytest.raises(ValueError, match="size of generated Light Up puzzles must be at least 4, got 3"):
        light_up_problem(3)
    with pytest.raises(TypeError, match="blanks"):
        light_up_problem(7, blanks=(1, 2))  # type: ignore[call-arg]
    task = light_up_problem(7, violation_weight=7.0, dead_end_weight=3.0).mdp.task
    assert (task.violation_weight, task.dead_end_weight) == (7.0, 3.0)


def test_own_puzzles_are_played_as_written():
    line = "..1.#...."
    env = gym.make("trm_envs:LightUpPlanEdit-7x7-v0", size=3, puzzles=line).unwrapped
    assert format_puzzles(env.reset(seed=0)[0]["instance"][None]) == [line]
    observation, *_, info = env.step(4)
    assert info["invalid_action"] and not observation["plan"].any() and observation["remaining_edits"] == 8
    for cell in (0, 5):
        *_, terminated, _, info = env.step(cell)
        assert not terminated
    _, reward, terminated, truncated, info = env.step(7)
    assert terminated and not truncated and info["is_success"] and info["filled"] == 3 and reward == 1.0 - 7.0


def test_lines_of_reference_solve_what_they_can():
    mdp, instances = light_up_problem(7, split="validation").mdp, puzzles_of("light-up-7x7", "validation")[:60]
    assert evaluate(solver_line(mdp, np.random.default_rng(0)), mdp, instances).solved.all()
    forced = evaluate(singles_line(mdp, np.random.default_rng(0)), mdp, instances).solved
    np.testing.assert_array_equal(forced, undecided(instances) == 0)
    assert 0 < forced.mean() < 1
