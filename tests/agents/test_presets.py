"""Lazy imports, and presets: JSON that becomes keywords which the constructors take."""

from __future__ import annotations

import inspect
import json
import subprocess
import sys

import pytest
from stable_baselines3.common.utils import LinearSchedule

import baselines
import trm_agents
from trm_agents import (
    UPITRM,
    Attempts,
    CertifiedDense,
    CertifiedExactCover,
    Dense,
    Distilled,
    Exact,
    ExactCover,
    Guesses,
    HindsightTRM,
    Refinements,
    Restarts,
    SafeStep,
    Search,
    presets,
)
from trm_agents.theory.clamped import ClampedExactCover
from trm_envs import ENVIRONMENTS

ENV_IDS = [row.id for row in ENVIRONMENTS]
CONTROL = ["trc", "trc-antithetic"]
"""They edit plans of systems; `test_trc.py` has their settings."""
ROWS = [name for name in presets.PRESETS if name not in CONTROL]


def algorithm(name):
    """Class and policy of a row, as the registry has them."""
    row = baselines.METHODS[name]
    return {"trm_agents:UPITRM": UPITRM, "trm_agents:HindsightTRM": HindsightTRM}[row.algorithm], row.policy


def run(code):
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def test_importing_the_package_and_its_presets_loads_no_torch():
    code = (
        "import sys, trm_agents, trm_agents.presets as p; dir(trm_agents); "
        "[p.data(n, 'SudokuPlanEdit-9x9-v0') for n in p.PRESETS]; "
        "print(*sorted({m.split('.')[0] for m in sys.modules} & {'torch', 'stable_baselines3', 'numba', 'gymnasium'}))"
    )
    assert run(code) == []
    assert run(code.replace("dir(trm_agents)", "trm_agents.HindsightTRM")) != [], "the check sees what is loaded"


def test_every_public_name_resolves_to_what_it_is_called():
    assert trm_agents.__all__ == sorted(set(trm_agents.__all__)) == dir(trm_agents)
    for name in trm_agents.__all__:
        found = getattr(trm_agents, name)
        assert found.__name__.rpartition(".")[2] == name
    with pytest.raises(AttributeError, match="module 'trm_agents' has no attribute 'Committee'"):
        _ = trm_agents.Committee


@pytest.mark.parametrize("name", ROWS)
@pytest.mark.parametrize("env_id", ENV_IDS)
def test_data_is_json_and_a_copy(name, env_id):
    data = presets.data(name, env_id)
    assert json.loads(json.dumps(data)) == data
    data["policy_kwargs"] = data.get("policy_kwargs", {})
    data["policy_kwargs"]["width"] = 1
    data.clear()
    assert presets.data(name, env_id) == json.loads(json.dumps(presets.data(name, env_id))) != {}
    assert presets.data(name, f"trm_envs:{env_id}") == presets.data(name, env_id)


@pytest.mark.parametrize("name", ROWS)
@pytest.mark.parametrize("env_id", ENV_IDS)
def test_constructors_take_the_settings_of_every_row_on_every_environment(name, env_id):
    cls, policy = algorithm(name)
    settings = presets.settings(name, env_id)
    if "Walk" in env_id:
        with pytest.raises(ValueError, match="edits of WalkTask are none of cells"):
            cls(policy, f"trm_envs:{env_id}", device="cpu", **settings)
        return
    if policy == "EditPolicy" and env_id.startswith(("Maze", "LightUp", "GraphColouring")):
        # The constraints of a path are no exact cover, nor are those of light; those of a graph are the instance's own.
        with pytest.raises(ValueError, match=r"(MazeTask|LightUpTask|GraphColouringTask) declares none"):
            cls(policy, f"trm_envs:{env_id}", device="cpu", **settings)
        return
    if name.endswith("-certified") and env_id.startswith(("LightUp", "GraphColouring")):
        assert not baselines.METHODS[name].supports(env_id)
        with pytest.raises(ValueError, match="a contraction cannot be certified"):
            cls(policy, f"trm_envs:{env_id}", device="cpu", **settings)
        return
    model = cls(policy, f"trm_envs:{env_id}", device="cpu", **settings)
    for key, value in settings.items():
        if key not in ("learning_rate", "policy_kwargs", "train_unroll"):
            assert getattr(model, key) == value, key
    assert isinstance(settings["learning_rate"], LinearSchedule)
    first, last = presets.data(name, env_id)["learning_rate"]
    assert [settings["learning_rate"](left) for left in (1.0, 0.0)] == pytest.approx([first, last])
    # What a row's name promises.
    assert model.policy.core.certified == name.endswith("-certified")
    if cls is UPITRM:
        assert isinstance(model.mixture, Exact) == name.endswith("-exact")


@pytest.mark.parametrize("name", ROWS)
def test_every_preset_names_keywords_of_its_algorithm_alone(name):
    known = set(inspect.signature(algorithm(name)[0]).parameters)
    for env_id in ENV_IDS:
        assert set(presets.data(name, env_id)) <= known
    for key in presets.PRESETS[name][1]:
        assert any(env_id.startswith(key) for env_id in ENV_IDS), f"{key} fits no environment"


def test_later_and_longer_keys_replace_earlier_ones():
    merged = presets.overridden(
        {"a": 1, "b": {"c": 2}}, {"Maze": {"a": 3, "b": {"d": 4}}, "Maze-9": {"a": 5}}, "Maze-9x9"
    )
    assert merged == {"a": 5, "b": {"d": 4}}
    assert presets.overridden({"a": 1}, {"Maze": {"a": 2}}, "Sudoku-9x9") == {"a": 1}


@pytest.mark.parametrize("env_id", [env_id for env_id in ENV_IDS if "Walk" not in env_id])
def test_attempts_of_every_environment_are_keywords_of_attempts(env_id):
    model = HindsightTRM("TokenPolicy", f"trm_envs:{env_id}", device="cpu", unroll=3, policy_kwargs={"width": 4})
    keywords = presets.attempts(env_id)
    solver = Attempts(model, 1, **keywords)
    assert all(getattr(solver, key) == value for key, value in keywords.items())


def test_settings_for_small_puzzles_are_plain_keywords():
    model = HindsightTRM("TokenPolicy", "trm_envs:SudokuPlanEdit-4x4-v0", device="cpu", **presets.SMALL)
    assert json.loads(json.dumps(presets.SMALL)) == presets.SMALL and model.n_steps == presets.SMALL["n_steps"]


BUILT = [
    ("search", {"instances": 4, "calls": 9}, Search(4, 9)),
    ("mixture", {"kind": "distilled", "alpha": 0.2}, Distilled(0.2)),
    ("mixture", {"alpha": 0.2}, Distilled(0.2)),
    ("mixture", {"kind": "exact"}, Exact()),
    ("mixture", {"kind": "exact", "alpha": 0.2, "capacity": 4}, Exact(0.2, 4)),
    ("mixture", {"kind": "exact", "alpha": "safe"}, Exact(SafeStep())),
    ("core", {"kind": "exact_cover"}, ExactCover()),
    ("core", {"kind": "certified", "lipschitz": 0.5}, CertifiedExactCover(0.5)),
    ("core", {"kind": "clamped", "lipschitz": 0.5}, ClampedExactCover(0.5)),
    ("core", {"kind": "dense"}, Dense()),
    ("core", {"kind": "certified_dense", "lipschitz": 0.5}, CertifiedDense(0.5)),
]


@pytest.mark.parametrize(("key", "given", "expected"), BUILT)
def test_objects_are_built_from_their_kinds(key, given, expected):
    data = {"policy_kwargs": {key: given}} if key == "core" else {key: given}
    before = json.dumps(data)
    built = presets.built(data)
    assert (built["policy_kwargs"] if key == "core" else built)[key] == expected
    assert json.dumps(data) == before


def test_variations_are_built_from_their_kinds():
    for given, expected in (
        ({"kind": "restarts"}, Restarts()),
        ({"kind": "refinements", "in_a_row": 3}, Refinements(3)),
        ({"kind": "guesses", "early_unroll": 7}, Guesses(7)),
    ):
        assert presets.solver_keywords({"attempts": 3, "by": given}) == {"attempts": 3, "by": expected}


def test_what_is_built_already_stays_as_it_is():
    search = Search(2)
    built = presets.built({"search": search, "learning_rate": 1e-3, "policy_kwargs": {"width": 4}})
    assert built == {"search": search, "learning_rate": 1e-3, "policy_kwargs": {"width": 4}}


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"mixture": {"kind": "bold"}}, "unknown kind 'bold' of mixture; known ones: distilled, exact"),
        ({"policy_kwargs": {"core": {"kind": "tight"}}}, "unknown kind 'tight' of core; known ones: exact_cover"),
        ({"search": {"instances": 4, "depth": 3}}, r"search={'instances': 4, 'depth': 3}: .*'depth'"),
        ({"search": {"calls": 3}}, r"search={'calls': 3}: .*'instances'"),
        ({"search": {"instances": 0}}, "instances must be at least 1, got 0"),
        ({"mixture": {"kind": "exact", "alpha": 2}}, r"alpha must be within \[0, 1\], got 2"),
    ],
)
def test_unknown_kinds_and_keywords_are_refused_by_name(data, message):
    with pytest.raises(ValueError, match=message):
        presets.built(data)


def test_unknown_kinds_of_variations_and_methods_are_refused_by_name():
    with pytest.raises(ValueError, match="unknown kind 'luck' of by; known ones: restarts, refinements, guesses"):
        presets.solver_keywords({"by": {"kind": "luck"}})
    for ask in (presets.data, presets.settings):
        with pytest.raises(ValueError, match="unknown method 'chess'; presets are there for hindsight_trm"):
            ask("chess", ENV_IDS[0])
