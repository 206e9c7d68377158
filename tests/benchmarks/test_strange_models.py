"""A model file is data: what strangers put into one does not run, and what ours hold is JSON and safetensors."""

import json
import sys
import zipfile
from pathlib import Path

import gymnasium as gym
import numpy as np
import pytest
import stable_baselines3
import strange_files
import torch
from agent_helpers import agent, assert_same_weights, weights
from stable_baselines3.common.base_class import BaseAlgorithm
from strange_files import ENV, MODULE, NAME

from baselines import METHODS
from benchmarks import cli
from benchmarks.protocol.suites import pool
from trm_agents import TRC, HindsightTRM, zoo
from trm_agents.commands.main import main as trm
from trm_agents.common.model_files import content_of, read_model
from trm_agents.common.trusted import UntrustedError

NAMES = list(strange_files.hostile(Path("nowhere")))


@pytest.fixture
def puzzles(tmp_path) -> Path:
    grids = pool(ENV, {"blanks": [6, 8]}, "test").instances[:2]
    path = tmp_path / "mine.txt"
    path.write_text("".join("".join(map(str, grid)) + "\n" for grid in grids))
    return path


@pytest.fixture
def trace(tmp_path, monkeypatch) -> Path:
    """Written by whatever runs."""
    path, home = tmp_path / "trace", tmp_path / "modules"
    home.mkdir()
    (home / f"{MODULE}.py").write_text(f"open({str(path)!r}, 'w')\nclass Thing: pass\n")
    monkeypatch.syspath_prepend(home)
    return path


def commands(model: Path, puzzles: Path) -> list[tuple]:
    env = ["--env", ENV]
    return [
        (cli.main, ["evaluate", str(model), *env, "--puzzles", str(puzzles)]),
        (cli.main, ["watch", str(model), *env]),
        (trm, ["evaluate", str(model), *env]),
    ]


@pytest.mark.parametrize("name", NAMES)
def test_what_a_stranger_put_into_a_model_file_does_not_run(name, trace, puzzles, tmp_path, capsys):
    members, named = strange_files.hostile(trace)[name]
    path = strange_files.zipped(tmp_path / "strange.zip", members)
    for main, words in commands(path, puzzles)[: None if name.startswith("policy_class") else 2]:
        assert main(words) == 2
        told = capsys.readouterr().err
        if not (name.startswith("policy_class") and "not a saved model" in told):
            assert named in told and "--trust" in told and str(path) in told
    for refusing in (lambda: HindsightTRM.load(path), lambda: read_model(path), lambda: zoo.slim(path)):
        with pytest.raises(ValueError, match="nothing in it ran"):
            refusing()
    assert not trace.exists() and MODULE not in sys.modules


def test_what_is_trusted_runs(trace, puzzles, tmp_path, capsys):
    """So the files above do what they are refused for."""
    path = strange_files.zipped(tmp_path / "strange.zip", strange_files.hostile(trace)["extra-call"][0])
    for main, words in commands(path, puzzles):
        assert main([*words, "--trust", "--json"]) == 0
        assert trace.exists()
        trace.unlink()
    HindsightTRM.load(path, env=gym.make(f"trm_envs:{ENV}"), trust=True)
    assert trace.exists()


def test_a_state_set_on_a_class_is_refused(tmp_path):
    """It would change the class for everybody."""
    members = strange_files.of_sb3()
    box = strange_files.Named("gymnasium.spaces.box", "Box")
    text = strange_files.spelt(box)
    content = strange_files.base64.b64decode(text[":serialized:"])[:-1] + b"}\x8c\x01xK\x01sb."
    text[":serialized:"] = strange_files.base64.b64encode(content).decode()
    members["data"] = json.dumps({**json.loads(members["data"]), "extra": text}).encode()
    with pytest.raises(UntrustedError):
        read_model(strange_files.zipped(tmp_path / "strange.zip", members))
    assert not hasattr(gym.spaces.Box, "x")


def test_an_environment_that_a_label_names_is_registered_or_refused(trace, tmp_path, capsys):
    members = strange_files.of_ours()
    label = json.loads(members["benchmark.json"])
    for env_id in (f"{MODULE}:Env-v0", "Nothing-v0", ""):
        members["benchmark.json"] = json.dumps({**label, "env_id": env_id}).encode()
        path = strange_files.zipped(tmp_path / "strange.zip", members)
        assert cli.main(["watch", str(path)]) == 2
        assert f"its env_id is {env_id!r}" in capsys.readouterr().err
    assert not trace.exists() and MODULE not in sys.modules


@pytest.mark.parametrize("name", ["ppo", "a2c", "dqn", "maskable_ppo", "trm_ppo", "trm_dqn", "trm_maskable_ppo"])
def test_files_of_sb3_open_as_data(name, tmp_path):
    """What all of its pickles name is on the list, and weights and attributes are those that SB3 itself loads."""
    row = METHODS[name]
    model = row.make(ENV, {}, 0)
    model.learn(32)
    model.save(tmp_path / "model.zip")
    loaded = row.load(str(tmp_path / "model.zip"), ENV, {})
    assert_same_weights(weights(model), weights(loaded))
    expected = type(model).load(tmp_path / "model.zip", device="cpu")
    assert set(vars(loaded)) >= set(vars(expected)) - {"env", "replay_buffer"}
    assert loaded.observation_space == expected.observation_space and loaded.policy_class is expected.policy_class
    assert [loaded.lr_schedule(x) for x in (0.1, 0.9)] == [expected.lr_schedule(x) for x in (0.1, 0.9)]


def test_a_file_of_sb3_of_a_model_of_ours_loads_as_before(tmp_path):
    path = strange_files.zipped(tmp_path / "model.zip", strange_files.of_sb3())
    env = gym.make(f"trm_envs:{ENV}")
    assert_same_weights(weights(HindsightTRM.load(path, env=env)), weights(zoo.load(NAME, env)))


def without_pickles(path: Path) -> bool:
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    for name, content in members.items():
        if name.endswith(".safetensors"):
            continue
        assert content.isascii() and b":serialized:" not in content, name
    for name in ("data", "states"):
        json.loads(members[name])
    return not any(b"\x80\x04\x95" in content or b"PK\x03\x04" in content for content in members.values())


@pytest.mark.parametrize("name", ["default", "exact", "survival", "hindsight-search", "trc"])
def test_our_files_hold_no_pickle(name, tmp_path):
    if name == "trc":
        env = gym.make("trm_envs:ControlPlanEdit-DoubleIntegrator-v0")
        model = TRC("TRCPolicy", env, batch_size=4, seed=0, device="cpu").learn(8)
    else:
        model = agent(name).learn(64)
    model.save(tmp_path / "model.zip")
    assert without_pickles(tmp_path / "model.zip")
    same = type(model).load(tmp_path / "model.zip", env=model.env, device="cpu")
    assert_same_weights(weights(model), weights(same))


def test_parameters_are_taken_over_from_files_of_both_kinds(tmp_path):
    model, other = agent("hindsight").learn(64), agent("hindsight", seed=5)
    model.save(tmp_path / "ours.zip")
    BaseAlgorithm.save(model, tmp_path / "sb3.zip")
    for name in ("ours.zip", "sb3.zip"):
        changed = agent("hindsight", seed=5)
        assert any(
            not torch.equal(a, b) for a, b in zip(weights(model).values(), weights(changed).values(), strict=True)
        )
        changed.set_parameters(tmp_path / name)
        assert_same_weights(weights(model), weights(changed))
    other.set_parameters(model.get_parameters())
    assert_same_weights(weights(model), weights(other))


@pytest.mark.parametrize("name", zoo.names())
def test_agents_of_the_zoo_hold_no_pickle(name):
    assert without_pickles(zoo.path(name))


class Falling:
    """A schedule of the user's own."""

    def __call__(self, remaining: float) -> float:
        return 1e-3 * remaining


def test_what_is_no_data_is_left_out_and_asked_for_at_load(tmp_path):
    model = agent("hindsight", learning_rate=Falling(), policy_kwargs={"optimizer_class": torch.optim.Adam})
    with pytest.warns(UserWarning, match=r"leaves out learning_rate \(a Falling\)"):
        model.save(tmp_path / "model.zip")
    with pytest.raises(ValueError, match=r"learning_rate was a Falling: load it with learning_rate="):
        HindsightTRM.load(tmp_path / "model.zip", env=model.env)
    (tmp_path / "slim.zip").write_bytes(zoo.slim(tmp_path / "model.zip"))
    for name in ("model", "slim"):
        with pytest.raises(ValueError, match="learning_rate was a Falling"):
            HindsightTRM.load(tmp_path / name, env=model.env)
        loaded = HindsightTRM.load(tmp_path / name, env=model.env, learning_rate=Falling())
        assert_same_weights(weights(model), weights(loaded))
        assert loaded.lr_schedule(0.5) == 5e-4 and isinstance(loaded.policy.optimizer, torch.optim.Adam)


def test_attributes_come_back_as_they_were(tmp_path):
    """Kinds, types of numbers, shapes and orders of keys."""
    rng = np.random.default_rng(3)
    values = {
        "plain": [None, True, 1, 2**70, -0.5, float("inf"), "text", {"a": {":b": 1}}, {1: 2, (3, "c"): b"\x00d"}],
        "numbers": (np.float32(0.1), np.int8(-3), np.bool_(True), np.float64("nan"), np.uint64(2**64 - 1)),
        "arrays": [rng.random((2, 3)).T, np.zeros((0, 4), np.int8), np.array(5), np.arange(4, dtype=">u2"), True],
        "tensor": torch.arange(6).reshape(2, 3)[:, 1:],
    }
    path = tmp_path / "data.zip"
    path.write_bytes(content_of({**values, "rng": rng}, {}))
    assert path.read_bytes() == content_of({**values, "rng": rng}, {})
    found = read_model(path).data
    assert repr(found["plain"]) == repr(values["plain"])
    for given, got in zip([*values["numbers"], *values["arrays"][:4]], [*found["numbers"], *found["arrays"][:4]],
                          strict=True):  # fmt: skip
        assert type(got) is type(given) and got.shape == given.shape and got.dtype == given.dtype.newbyteorder("=")
        np.testing.assert_array_equal(got, given)
    assert torch.equal(found["tensor"], values["tensor"]) and found["tensor"].dtype == torch.int64
    assert (found["rng"].random(5) == rng.random(5)).all()


def test_sb3_itself_opens_files_of_its_own(tmp_path):
    """The reading side changes nothing for those who call SB3's `load`."""
    model = stable_baselines3.PPO("MlpPolicy", "CartPole-v1", n_steps=8, batch_size=8, device="cpu").learn(8)
    model.save(tmp_path / "model.zip")
    file = read_model(tmp_path / "model.zip")
    assert file.left_out == {} and file.data["n_steps"] == 8
