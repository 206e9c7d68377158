"""Walking through mazes: moves, rewards, splits by walls, other ends, and what is known exactly of the open maze."""

from __future__ import annotations

import pickle
from collections import defaultdict
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import baselines
from benchmarks.protocol.evaluation import evaluate
from benchmarks.protocol.suites import SUITES, pool
from trm_agents import UPITRM
from trm_envs import PlanEditMDP
from trm_envs.instances.adaptive import Curriculum
from trm_envs.maze.ends import AnyEnds
from trm_envs.maze.generator import BRAID, generate, shortest_path_length
from trm_envs.maze.paths import GOAL, START, WALL
from trm_envs.maze.symmetry import orbit_keys, wall_keys
from trm_envs.maze.text import parse_mazes
from trm_envs.maze.walk import WalkTask, open_maze
from trm_envs.maze.walk_env import MazeWalkEnv, MazeWalkVectorEnv, OpenMazeWalkEnv, open_walk_problem, walk_problem
from trm_envs.testing import check_task
from trm_envs.wrappers import OneHotObservation

STEPS = [(-1, 0), (1, 0), (0, -1), (0, 1)]


def walked(maze: Any, at: int, move: int) -> int | None:
    """The cell that a move leads to, by hand; None where it bumps."""
    size = round(len(maze) ** 0.5)
    row, column = at // size + STEPS[move][0], at % size + STEPS[move][1]
    if not (0 <= row < size and 0 <= column < size) or maze[row * size + column] == WALL:
        return None
    return row * size + column


@settings(max_examples=40, deadline=None)
@given(st.sampled_from([5, 7, 9]), st.booleans(), st.integers(0, 10**6))
def test_moves_masks_and_scores_are_those_of_an_oracle(size: int, loops: bool, seed: int) -> None:
    rng = np.random.default_rng(seed)
    mazes, task = generate(size, 6, rng, BRAID if loops else 0.0), WalkTask(size)
    at = np.array([rng.choice(np.flatnonzero(maze != WALL)) for maze in mazes])
    plans = np.zeros_like(mazes)
    plans[np.arange(6), at] = 1
    for level in ("givens", "consistent"):
        mask = task.action_mask(mazes, plans, level)
        for move in range(4):
            edited, legal = task.edit(mazes, plans, np.full(6, move), level)
            for b in range(6):
                there = walked(mazes[b], at[b], move)
                assert legal[b] == mask[b, move] == (there is not None)
                assert np.flatnonzero(edited[b]).tolist() == [at[b] if there is None else there]
    checks, goals = task.check(mazes, plans), (mazes == GOAL).argmax(axis=1)
    apart = abs(at // size - goals // size) + abs(at % size - goals % size)
    assert (checks.score == -apart).all() and (checks.solved == (apart == 0)).all()
    assert (checks.filled == 1).all() and not checks.violations.any() and not checks.dead_ends.any()


def test_the_task_keeps_its_word() -> None:
    check_task(WalkTask(5), walk_problem(5, split="test").source.instances[:3])
    check_task(WalkTask(2), open_maze(2))
    with pytest.raises(TypeError, match="two cells"):
        WalkTask(5).writes(open_maze(5))


class Slips(WalkTask):
    """The agent leaves its cell whatever bars the way."""

    def edit(self, instances, plans, actions, level):
        edited, legal = super().edit(instances, plans, actions, level)
        edited[~legal] = 0
        return edited, legal


class Lopsided(WalkTask):
    """Moves of cells that are no symmetry: rows go round."""

    def symmetries(self, count, rng):
        return (
            super()
            .symmetries(count, rng)
            ._replace(cells=np.tile(np.roll(np.arange(self.n_cells), self.size), (count, 1)))
        )


class Nameless(WalkTask):
    """A move without a name."""

    def view(self, instance, plan):
        return super().view(instance, plan)._replace(edits=("up", "down", "left"))


class GivesUp(WalkTask):
    """It calls every plan hopeless."""

    def hopeless(self, instances, plans, decided):
        return np.ones(len(plans), np.bool_)


@pytest.mark.parametrize(
    ("task", "fault"),
    [
        (Slips, r"edit.*the illegal edit \d changed the plan"),
        (Lopsided, "symmetries.* does not go along"),
        (Nameless, r"view \(edits\): got 3 names"),
        (GivesUp, "hopeless.*it gives up a plan"),
    ],
)
def test_faults_of_tasks_that_move_are_named(task: type[WalkTask], fault: str) -> None:
    with pytest.raises(AssertionError, match=fault):
        check_task(task(5), walk_problem(5, split="test").source.instances[:2])


def test_rewards_by_hand() -> None:
    env = MazeWalkEnv(3, puzzles=["S.#..G###"], step_cost=0.1, bump_cost=0.3)
    env.reset(seed=0)
    # Up is out of the grid, down is free and no way is barred further on.
    moves = [0, 1, 3, 3]
    rewards, ends = zip(*[env.step(move)[1:3] for move in moves], strict=True)
    assert rewards == pytest.approx((-0.4, -0.1, -0.1, 0.9)) and ends == (False, False, False, True)
    shaped = MazeWalkEnv(3, puzzles=["S.#..G###"], step_cost=0.1, bump_cost=0.3, shaping=True, gamma=0.9)
    shaped.reset(seed=0)
    # The distance goes 3, 3, 2, 1, and the last step leaves the potential of 0 behind.
    extra = [-0.9 * 3 + 3, -0.9 * 2 + 3, -0.9 * 1 + 2, 1.0]
    assert [shaped.step(move)[1] for move in moves] == pytest.approx(np.add(rewards, extra))


def test_failing_costs_nothing_but_its_moves() -> None:
    env = MazeWalkEnv(5, max_edits=3, step_cost=0.5)
    _, info = env.reset(seed=0)
    legal = int(np.flatnonzero(info["action_mask"])[0])
    back = {0: 1, 1: 0, 2: 3, 3: 2}[legal]
    outcome = [env.step(move) for move in (legal, back, legal)]
    assert [step[1] for step in outcome] == [-0.5] * 3 and [step[2] for step in outcome] == [False, False, True]
    assert not outcome[-1][-1]["is_success"]


@pytest.mark.parametrize("size", [5, 7, 9, 11, 15])
def test_splits_share_no_walls(size: int) -> None:
    splits = {split: walk_problem(size, split=split).source for split in ("train", "validation", "test")}
    walls = {split: set(wall_keys(source.instances)) for split, source in splits.items()}
    assert not walls["test"] & (walls["train"] | walls["validation"]) and not walls["validation"] & walls["train"]
    assert len(splits["test"].instances) >= 512
    if size == 5:
        # A toy, as the documentation says.
        assert [len(found) for found in walls.values()] == [16, 3, 2]
        words = " ".join((MazeWalkEnv.__doc__ or "").split())
        assert "only 16 different walls in train, 3 in validation and 2 in test" in words


@pytest.mark.parametrize("name", [name for name in SUITES if name.startswith("walk")])
def test_suites_train_with_any_ends_and_score_every_held_out_maze_with_its_own(name: str) -> None:
    row = SUITES[name]
    assert isinstance(gym.make(row.env_id, **row.env_kwargs).unwrapped.source, AnyEnds)
    scored = pool(row.env_id, row.env_kwargs, "test").instances
    size = round(scored.shape[1] ** 0.5)
    assert (scored == walk_problem(size, split="test").source.instances).all() and len(scored) >= 512
    trained = walk_problem(size, split="train").source.instances
    assert not set(wall_keys(scored)) & set(wall_keys(trained))
    assert shortest_path_length(scored).min() >= size


def test_walls_are_the_same_whatever_the_ends() -> None:
    maze = parse_mazes(["S...#...G"], 3)
    other = parse_mazes(["..S.#.G.."], 3)
    moved = parse_mazes([".S..#...G"], 3)
    assert wall_keys(maze) == wall_keys(other) == wall_keys(moved)
    assert orbit_keys(maze) != orbit_keys(moved)


def test_drawn_ends_are_any_two_joined_cells_of_the_same_walls() -> None:
    source = walk_problem(7, ends="any").source
    assert isinstance(source, AnyEnds)
    rng = np.random.default_rng(0)
    mazes = np.stack([source.sample(rng) for _ in range(400)])
    WalkTask(7).validate(mazes)
    train = set(wall_keys(walk_problem(7).source.instances))
    assert set(wall_keys(mazes)) <= train
    assert {2, 3, 4} <= set(shortest_path_length(mazes)), "near ends too"
    one = walk_problem(3, puzzles=["S...#...G"], ends="any").source
    pairs = {(int((maze == START).argmax()), int((maze == GOAL).argmax())) for maze in map(one.sample, [rng] * 1500)}
    free = [0, 1, 2, 3, 5, 6, 7, 8]
    assert pairs == {(start, goal) for start in free for goal in free if start != goal}


def test_ends_stay_within_a_part_of_the_maze() -> None:
    # The last row is walled off; from there no cell is reached.
    source = walk_problem(3, puzzles=["S.G###.#."], ends="any").source
    rng = np.random.default_rng(0)
    for _ in range(50):
        WalkTask(3).validate(source.sample(rng)[None])


def test_a_curriculum_of_other_ends_begins_near_the_goal() -> None:
    source = walk_problem(9, ends="any", curriculum=[(2, 4), (5, 9), (2, None)]).source
    assert isinstance(source, Curriculum)
    rng = np.random.default_rng(0)
    assert set(shortest_path_length(np.stack([source.draw(rng)[0] for _ in range(60)]))) <= {2, 3, 4}
    with pytest.raises(ValueError, match="no path of 90 to 99 cells"):
        walk_problem(9, ends="any", curriculum=[(90, 99), (2, None)])


def test_generated_mazes_have_training_walls() -> None:
    for ends in ("pool", "any"):
        source = walk_problem(5, generate=True, ends=ends).source
        rng = np.random.default_rng(0)
        mazes = np.stack([source.sample(rng) for _ in range(60)])
        held_out = [walk_problem(5, split=split).source.instances for split in ("validation", "test")]
        assert not set(wall_keys(np.concatenate(held_out))) & set(wall_keys(mazes))
        pickle.loads(pickle.dumps(source))


@pytest.mark.parametrize(
    "options", [{"ends": "any"}, {"ends": "any", "retry": 0.5}, {"step_cost": 0.1, "shaping": True}]
)
def test_vector_environment_pays_what_single_ones_pay(options: dict[str, Any]) -> None:
    stateless = "retry" not in options
    single = gym.vector.SyncVectorEnv([lambda: MazeWalkEnv(5, max_edits=9, **options)] * (3 if stateless else 1))
    vector = MazeWalkVectorEnv(single.num_envs, 5, max_edits=9, **options)
    rng = np.random.default_rng(0)
    assert (vector.reset(seed=5)[0]["instance"] == single.reset(seed=5)[0]["instance"]).all()
    for _ in range(60):
        actions = rng.integers(4, size=single.num_envs)
        ours, theirs = vector.step(actions), single.step(actions)
        assert all((ours[0][key] == theirs[0][key]).all() for key in ours[0])
        assert (ours[1] == theirs[1]).all() and (ours[2] == theirs[2]).all()


def dense() -> PlanEditMDP:
    return open_walk_problem(dense_rewards=True, gamma=1.0).mdp


def outcomes() -> dict[int, list[tuple[int, float, bool]]]:
    """(next cell, reward, whether it ends) of each move in each cell of the open maze, as the MDP says."""
    mdp, table = dense(), {}
    for cell in range(24):
        states = mdp.initial(np.repeat(open_maze(5), 4, axis=0))
        states.plans[:] = 0
        states.plans[:, cell] = 1
        done = mdp.transition(states, np.arange(4))
        there = done.successors.plans.argmax(axis=1)
        table[cell] = list(zip(there.tolist(), done.rewards.tolist(), done.terminated.tolist(), strict=True))
    return table


def test_the_best_return_of_the_open_maze_is_the_documented_one() -> None:
    table, best = outcomes(), dict.fromkeys(range(25), 0.0)
    for _ in range(dense().max_edits):
        best = {
            cell: max(reward + (0.0 if ended else best[there]) for there, reward, ended in table[cell])
            for cell in table
        } | {24: 0.0}
    assert dense().max_edits == 51 and best[0] == pytest.approx(11.52)
    assert "11.52" in (OpenMazeWalkEnv.__doc__ or "")


def test_what_a_blind_policy_earns_in_the_open_maze() -> None:
    """Down or right by the toss of a coin, whatever is observed."""
    table, paid = outcomes(), defaultdict(float)
    alive = {(0, 0.0): 1.0}
    for _ in range(dense().max_edits):
        going: dict[tuple[int, float], float] = defaultdict(float)
        for (cell, total), p in alive.items():
            for there, reward, ended in (table[cell][1], table[cell][3]):
                (paid if ended else going)[(there, round(total + reward, 6))] += p / 2
        alive = going
    failing = sum(alive.values())
    mean = sum(total * p for part in (paid, alive) for (_, total), p in part.items())
    above = sum(p for (_, total), p in paid.items() if total > 5)
    text = OpenMazeWalkEnv.__doc__ or ""
    assert failing == pytest.approx(1 / 5e10, rel=0.03) and "all but one of 5e10 episodes" in text
    assert f"{mean:.2f} in the mean" in text and f"{above:.2%}".replace("%", " %") in text


def test_lines_play() -> None:
    problem = walk_problem(7, split="test", gamma=1.0, step_cost=0.01)
    mazes = problem.source.instances[:200]
    results = {}
    for name in ("random", "random_consistent", "checker_greedy", "solver"):
        assert baselines.LINES[name].supports("MazeWalk-7x7-v0")
        agent = baselines.line(name).agent(problem.mdp, np.random.default_rng(0))
        results[name] = evaluate(agent, problem.mdp, mazes)
    assert (results["solver"].edits == shortest_path_length(mazes) - 1).all() and results["solver"].success == 1
    assert results["random"].success < 0.9 and results["checker_greedy"].success < 0.9
    assert results["solver"].returns == pytest.approx(1 - 0.01 * results["solver"].edits)
    for name in ("singles", "propagation"):
        assert not baselines.LINES[name].supports("MazeWalk-7x7-v0")
    open_problem = open_walk_problem(dense_rewards=True, gamma=1.0)
    agent = baselines.line("solver").agent(open_problem.mdp, np.random.default_rng(0))
    assert evaluate(agent, open_problem.mdp, open_maze(5)).returns == pytest.approx([11.52])


@pytest.mark.parametrize(
    ("make", "options", "error", "cause"),
    [
        (walk_problem, {"ends": "all"}, ValueError, "ends must be one of"),
        (walk_problem, {"ends": "all", "curriculum": [(2, None)]}, ValueError, "ends must be one of"),
        (walk_problem, {"step_cost": -1.0}, ValueError, "step_cost must be a finite number"),
        (walk_problem, {"bump_cost": float("nan")}, ValueError, "bump_cost must be a finite number"),
        (walk_problem, {"step_cost": 1e308}, ValueError, r"step_cost .* at least 0 and at most 1e\+09, got 1e\+308"),
        (open_walk_problem, {"size": []}, ValueError, r"maze size must be a whole number of at least 2, got \[\]"),
        (open_walk_problem, {"size": 10**9}, ValueError, "maze size must be at most 1000, got 1000000000"),
        (walk_problem, {"dense_rewards": True}, TypeError, "dense_rewards"),
        (walk_problem, {"shortest": True}, TypeError, "shortest"),
        (walk_problem, {"size": 13}, ValueError, "not 13"),
        (open_walk_problem, {"dense_rewards": True, "step_cost": 0.1}, ValueError, "costs of its own"),
        (open_walk_problem, {"generate": True}, ValueError, "one open maze"),
        (open_walk_problem, {"size": 1}, ValueError, "at least 2"),
    ],
)
def test_bad_keywords_are_refused(make: Any, options: dict[str, Any], error: type[Exception], cause: str) -> None:
    with pytest.raises(error, match=cause):
        make(**options)


def test_what_reads_cells_says_that_it_cannot_walk() -> None:
    for name in ("hindsight_trm", "upi_trm"):
        assert not baselines.METHODS[name].supports("trm_envs:MazeWalk-7x7-v0")
        with pytest.raises(ValueError, match="edits of WalkTask are none of cells"):
            baselines.METHODS[name].make("MazeWalk-7x7-v0", {}, 0)
    for name in ("ppo", "dqn", "maskable_ppo", "trm_ppo"):
        assert baselines.METHODS[name].supports("MazeWalk-7x7-v0")
    # What the message says.
    env = OneHotObservation(gym.make("MazeWalk-5x5-v0"))
    small = {"n_steps": 8, "batch_size": 8, "n_epochs": 1, "device": "cpu", "seed": 0}
    assert UPITRM("MlpPolicy", env, **small).learn(16).num_timesteps == 16
