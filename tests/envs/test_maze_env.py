"""The maze environments: Gymnasium's contract, keywords, and mazes of the user's own."""

import pickle

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

import trm_envs
from trm_envs import pools
from trm_envs.maze.env import MazePlanEditEnv, MazePlanEditVectorEnv, maze_problem
from trm_envs.maze.generator import BRAID, generate, shortest_path_length
from trm_envs.maze.sources import training_mazes
from trm_envs.maze.symmetry import orbit_keys
from trm_envs.maze.task import MazeTask
from trm_envs.maze.text import format_mazes, parse_mazes, read_mazes
from trm_envs.pools.source import split_of_key

IDS = [row.id for row in trm_envs.ENVIRONMENTS if row.stem == "MazePlanEdit"]
MAZE = "S...#...G"


@pytest.mark.parametrize("env_id", IDS)
@pytest.mark.filterwarnings("error")
@pytest.mark.filterwarnings("ignore:.*Box.*")
def test_gymnasium_accepts_every_id(env_id):
    check_env(gym.make(env_id, render_mode="rgb_array").unwrapped)


@pytest.mark.parametrize("level", ["givens", "consistent"])
def test_vector_environment_equals_single_ones(level):
    single = gym.vector.SyncVectorEnv([lambda: MazePlanEditEnv(5, legal_actions=level, max_edits=12)] * 3)
    vector = MazePlanEditVectorEnv(3, 5, legal_actions=level, max_edits=12)
    rng = np.random.default_rng(0)
    (ours, info), (theirs, _) = vector.reset(seed=5), single.reset(seed=5)
    for _ in range(60):
        for key, batch in ours.items():
            assert (batch == theirs[key]).all()
        mask = info["action_mask"]
        actions = (mask * rng.random(mask.shape)).argmax(axis=1)
        ours, rewards, ends, _, info = vector.step(actions)
        theirs, their_rewards, their_ends, _, their_info = single.step(actions)
        assert (rewards == their_rewards).all() and (ends == their_ends).all()
        assert (info["score"] == their_info["score"]).all()


def test_laying_the_path_from_both_ends_solves():
    env = MazePlanEditEnv(3, puzzles=[MAZE])
    env.reset(seed=0)
    *_, terminated, _, info = env.step(1)
    assert not terminated and info["score"] == 3
    *_, terminated, _, info = env.step(5)
    assert not terminated and info["score"] == 4 and info["violations"] == 0
    _, reward, terminated, truncated, info = env.step(2)
    assert terminated and not truncated and info["is_success"]
    assert reward == 1.0 - 4.0


def test_walls_and_ends_are_locked():
    env = MazePlanEditEnv(3, puzzles=[MAZE], shaping=False)
    before, _ = env.reset(seed=0)
    for action in (0, 4, 8):
        observation, *_, info = env.step(action)
        assert info["invalid_action"] and (observation["plan"] == before["plan"]).all()
    assert observation["remaining_edits"] == 6


@pytest.mark.parametrize(
    ("keywords", "kinds"),
    [
        ({"braid": False}, ["perfect"]),
        ({"braid": True}, ["braided"]),
        ({}, ["perfect", "braided"]),
        ({"scattered": True}, ["scattered"]),
    ],
)
@pytest.mark.parametrize("split", ["train", "validation", "test"])
def test_shipped_mazes_are_those_of_the_pools(keywords, kinds, split):
    lines = [line for kind in kinds for line in pools.load(f"maze-9x9-{kind}", split)]
    assert format_mazes(maze_problem(9, split=split, **keywords).source.instances) == lines


def test_generated_mazes_are_training_ones_of_the_kind_asked_for():
    rng = np.random.default_rng(0)
    n_open = {braid: (training_mazes(9, braid, 60, rng) != 1).sum(axis=1) for braid in (False, True, None)}
    assert (n_open[False] == 49).all() and (n_open[True] > 49).all()
    assert 15 < (n_open[None] == 49).sum() < 45
    assert {split_of_key(key) for key in orbit_keys(training_mazes(5, None, 200, rng))} == {"train"}
    env = MazePlanEditEnv(7, generate=True)
    first, _ = env.reset(seed=1)
    second, _ = env.reset()
    assert (first["instance"] != second["instance"]).any()
    assert (env.reset(seed=1)[0]["instance"] == first["instance"]).all()
    pickle.loads(pickle.dumps(env.unwrapped.source))


def test_generated_mazes_of_scattered_walls_are_training_ones_with_a_curriculum_of_lengths():
    rng = np.random.default_rng(0)
    mazes = training_mazes(8, None, 40, rng, scattered=True)
    assert {split_of_key(key) for key in orbit_keys(mazes)} == {"train"}
    source = maze_problem(8, scattered=True, generate=True, curriculum=[(8, 9), (12, None)]).source
    assert 8 <= shortest_path_length(source.sample(rng)[None])[0] <= 9
    easy = maze_problem(9, scattered=True, curriculum=[(9, 10), (9, None)]).source
    assert all(9 <= shortest_path_length(easy.sample(rng)[None])[0] <= 10 for _ in range(20))


@pytest.mark.parametrize(
    ("maze", "way", "solved"),
    [
        # Two shortest ways around a wall.
        ([2, 0, 0, 0, 1, 0, 0, 0, 3], (1, 2, 5), True),
        ([2, 0, 0, 0, 1, 0, 0, 0, 3], (3, 6, 7), True),
        # A short way along the top, and a long one around the wall.
        ([2, 0, 3, 0, 1, 0, 0, 0, 0], (1,), True),
        ([2, 0, 3, 0, 1, 0, 0, 0, 0], (3, 6, 7, 8, 5), False),
    ],
)
def test_any_shortest_path_solves_a_hard_maze_and_a_longer_one_does_not(maze, way, solved):
    env = gym.make("trm_envs:MazePlanEdit-Hard30x30-v0", size=3, puzzles=[maze])
    env.reset(seed=0)
    for cell in way:
        *_, terminated, _, info = env.step(cell)
    assert info["is_success"] == solved == terminated


def test_a_hard_maze_is_30x30_and_its_path_has_more_than_110_cells():
    env = gym.make("trm_envs:MazePlanEdit-Hard30x30-v0", split="validation")
    observation, _ = env.reset(seed=0)
    assert observation["instance"].shape == (900,) and env.unwrapped.mdp.task.shortest
    assert shortest_path_length(env.unwrapped.source.instances).min() > 110


def test_shortest_and_weights_reach_the_checker():
    task = maze_problem(9, shortest=True, violation_weight=7.0, dead_end_weight=3.0).mdp.task
    assert isinstance(task, MazeTask)
    assert (task.shortest, task.violation_weight, task.dead_end_weight) == (True, 7.0, 3.0)


def test_text_and_arrays_say_the_same(tmp_path):
    mazes = generate(9, 6, np.random.default_rng(0), BRAID)
    lines = format_mazes(mazes)
    text, array = tmp_path / "own.txt", tmp_path / "own.npy"
    text.write_text("\n\n".join(lines) + "\n", encoding="utf-8")
    np.save(array, mazes)
    for source in (text, str(text), array, lines, mazes, mazes.reshape(6, 9, 9), mazes.astype(np.int64)):
        assert (read_mazes(source, 9) == mazes).all()
    assert (maze_problem(9, puzzles=text).source.instances == mazes).all()
    assert (parse_mazes([MAZE], 3) == [2, 0, 0, 0, 1, 0, 0, 0, 3]).all()


@pytest.mark.parametrize(
    ("line", "cause"),
    [
        ("S...#...", "9 symbols, found 8"),
        ("S...x...G", "symbol 'x' at position 5"),
        ("S...\u00e9...G", "symbol '\u00e9' at position 5"),
        ("S.......S", "exactly one start, found 2"),
        ("S#.##...G", "no path"),
        ("SG.......", "adjacent"),
    ],
)
def test_a_bad_line_is_named_with_its_cause(tmp_path, line, cause):
    path = tmp_path / "own.txt"
    path.write_text(f"{MAZE}\n\n{line}\n", encoding="utf-8")
    with pytest.raises(ValueError, match=rf"own\.txt, line 3: .*{cause}"):
        read_mazes(path, 3)


@pytest.mark.parametrize(
    ("array", "cause"),
    [
        (np.zeros((2, 8), int), r"\(B, 9\)"),
        (np.zeros((2, 9)), "integer type"),
        (np.zeros((0, 9), int), "no 3x3 maze"),
        (np.full((1, 9), 258), r"puzzles\[0\]: value 258 at cell 0; a 3x3 maze holds 0\.\.3"),
    ],
)
def test_a_bad_array_is_refused(array, cause):
    with pytest.raises(ValueError, match=cause):
        read_mazes(array, 3)


def test_bad_files_are_refused(tmp_path):
    (tmp_path / "own.json").write_text("[]", encoding="utf-8")
    (tmp_path / "own.npy").write_text("no array", encoding="utf-8")
    for name, error, cause in (
        ("own.json", ValueError, "not from '.json'"),
        ("own.npy", ValueError, "not a NumPy array"),
        ("none.txt", FileNotFoundError, "none"),
    ):
        with pytest.raises(error, match=cause):
            read_mazes(tmp_path / name, 9)


@pytest.mark.parametrize(
    ("size", "options", "error", "cause"),
    [
        (13, {}, ValueError, "not 13"),
        (8, {"generate": True}, ValueError, "odd side of at least 5, got 8"),
        (9, {"split": "exam"}, ValueError, "exam"),
        (9, {"generate": True, "split": "test"}, ValueError, "one source"),
        (3, {"puzzles": [MAZE], "braid": True}, ValueError, "braid"),
        (9, {"scattered": True, "braid": True}, ValueError, "braid=True is about corridors"),
        (11, {"scattered": True}, ValueError, "scattered walls are shipped for the sizes .9, 15, 30., not 11"),
        (31, {"scattered": True, "generate": True}, ValueError, "side of 5 to 30, got 31"),
        (30, {}, ValueError, "corridors are shipped"),
        (9, {"blanks": (1, 2)}, TypeError, "blanks"),
    ],
)
def test_bad_keywords_are_refused(size, options, error, cause):
    with pytest.raises(error, match=cause):
        maze_problem(size, **options)
