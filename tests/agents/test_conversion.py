"""Model files of version 0.1: refused with the command that converts them, and converted with the same weights."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch
from agent_helpers import EASY, ID, hindsight_trm, sudoku, upi_trm
from search_helpers import sudokus

from trm_agents import (
    UPITRM,
    Attempts,
    Cells,
    CertifiedDense,
    CertifiedExactCover,
    Distilled,
    Exact,
    ExactCover,
    HindsightTRM,
    SafeStep,
    Search,
    presets,
    zoo,
)
from trm_agents.theory.clamped import ClampedExactCover
from trm_agents.upi_trm import KStep
from trm_agents.zoo import conversion
from trm_envs.plan_edit.mdp import PlanEditMDP
from trm_envs.plan_edit.spaces import observe
from trm_envs.sudoku.task import SudokuTask

COMMAND = r"python -m trm_agents\.zoo\.conversion OLD\.zip NEW\.zip"
OLD: dict[str, Any] = {
    "learning_rate": 0.002, "n_steps": 7, "batch_size": 33, "n_epochs": 3, "gamma": 0.99, "bootstrap_horizon": 5,
    "unroll": 4, "radius": 9.0, "contraction": "none", "lipschitz": 0.9, "latent": "episodic", "carried_unroll": None,
    "advantage": None, "beta": None, "mixture_alpha": 0.5, "conservative": "distill", "mixture_capacity": 16,
    "prior": None, "value_coef": 4.0, "deep_supervision": True, "max_grad_norm": 2.0, "target": "k_step",
    "prior_steps": 77, "replay_ratio": 0.5, "right_weight": 0.25, "buffer_size": 900, "learning_starts": 70,
    "min_unroll": None, "max_unroll": None, "backprop_steps": None, "search_instances": 0, "search_budget": 50,
    "search_solutions": 1, "ema_decay": 0.99, "policy_kwargs": {}, "verbose": 0,
}  # fmt: skip
"""Settings of a file of version 0.1."""


def old_file(path: Path, model: Any, policy_class: str, **settings: Any) -> Path:
    """A file as version 0.1 wrote it, with the weights of this model; its policy's class can no longer be unpickled."""
    model.save(path)
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    now = json.loads(members["data"])
    pickled = {
        ":type:": "<class 'abc.ABCMeta'>",
        ":serialized:": "gone",
        "__module__": "trm_agents.upi_trm.repair",
        "__init__": f"<function {policy_class}.__init__ at 0x7f5574e83ec0>",
    }
    spaces = {name: now[name] for name in ("observation_space", "action_space")}
    data = {"policy_class": pickled, **spaces, "num_timesteps": 321, **OLD, **settings}
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in (members | {"data": json.dumps(data).encode()}).items():
            archive.writestr(name, content)
    return path


def hindsight(**policy_kwargs):
    return hindsight_trm(unroll=4, policy_kwargs={"radius": 9.0, **policy_kwargs})


def mixed():
    """A policy that deploys three snapshots."""
    return upi_trm(mixture=Exact(0.3, 3), policy_kwargs={"radius": 9.0}).learn(96)


W8 = {"width": 8}
EIGHT = {"unroll": 8, "train_unroll": [8, 8, 8]}
"""The depth of what learned with unroll='auto'."""
HINDSIGHT = {"target": "hindsight", "policy_kwargs": W8}
REPAIR = "RepairPolicy"
CASES: dict[str, tuple[Any, str, dict[str, Any], dict[str, Any]]] = {
    "plain": (lambda: hindsight(), REPAIR, HINDSIGHT, {}),
    "carried": (
        lambda: hindsight(),
        REPAIR,
        {**HINDSIGHT, "latent": "persistent", "carried_unroll": 2, "min_unroll": 1, "backprop_steps": 2},
        {"carry_unroll": 2, "train_unroll": [1, 4, 2]},
    ),
    "carried-as-deep": (lambda: hindsight(), REPAIR, {**HINDSIGHT, "latent": "persistent"}, {"carry_unroll": 4}),
    "certified": (
        lambda: hindsight(core=CertifiedExactCover(0.8)),
        REPAIR,
        {**HINDSIGHT, "contraction": "certified", "lipschitz": 0.8},
        {"policy_kwargs": {**W8, "radius": 9.0, "core": CertifiedExactCover(0.8)}},
    ),
    "clamped": (
        lambda: hindsight(core=ClampedExactCover(0.8)),
        REPAIR,
        {**HINDSIGHT, "contraction": "clamp", "lipschitz": 0.8},
        {"policy_kwargs": {**W8, "radius": 9.0, "core": ClampedExactCover(0.8)}},
    ),
    "searched": (
        lambda: hindsight(),
        REPAIR,
        {**HINDSIGHT, "search_instances": 3, "search_budget": 40, "search_solutions": 2, "max_unroll": 6, "beta": 5.0},
        {"search": Search(3, 40, 2), "train_unroll": [4, 6, 6], "beta": 5.0},
    ),
    "cells": (
        lambda: hindsight(core=Cells()),
        REPAIR,
        {**HINDSIGHT, "policy_kwargs": {**W8, "tokens": "cells", "augment": True}},
        {"policy_kwargs": {**W8, "core": Cells(), "radius": 9.0}},
    ),
    "auto": (
        lambda: hindsight(core=CertifiedExactCover(0.8)),
        REPAIR,
        {**HINDSIGHT, "contraction": "certified", "lipschitz": 0.8, "unroll": "auto"},
        {**EIGHT, "policy_kwargs": {**W8, "radius": 9.0, "core": CertifiedExactCover(0.8)}},
    ),
    "k_step": (lambda: upi_trm(policy_kwargs={"radius": 9.0}), "TRMPolicy", {}, {"mixture": Distilled(0.5)}),
    "readout": (
        lambda: upi_trm(policy_kwargs={"radius": 9.0}, advantage="readout"),
        "TRMPolicy",
        {"advantage": "readout", "prior": 0.25, "beta": 3.0, "mixture_alpha": 0.2},
        {"advantage": "readout", "checker_weight": 0.25, "beta": 3.0, "mixture": Distilled(0.2)},
    ),
    "exact": (
        mixed,
        "TRMPolicy",
        {"conservative": "exact", "mixture_alpha": 0.3, "mixture_capacity": 3},
        {"mixture": Exact(0.3, 3)},
    ),
    "safe": (
        mixed,
        "TRMPolicy",
        {"conservative": "exact", "mixture_alpha": "safe", "mixture_capacity": 3},
        {"mixture": Exact(SafeStep(), 3)},
    ),
    "mlp": (
        lambda: UPITRM("MlpPolicy", "CartPole-v1", device="cpu", policy_kwargs={"radius": 9.0}),
        "MlpPolicy",
        {},
        {"advantage": "readout", "checker_weight": 0.0, "beta": 1.0},
    ),
    "mlp-certified": (
        lambda: UPITRM("MlpPolicy", "CartPole-v1", device="cpu", policy_kwargs={"core": CertifiedDense(0.8)}),
        "MlpPolicy",
        {"contraction": "certified", "lipschitz": 0.8, "radius": 10.0},
        {"policy_kwargs": {"radius": 10.0, "core": CertifiedDense(0.8)}},
    ),
    "multi-input": (
        lambda: UPITRM("MultiInputPolicy", gym.make(ID), device="cpu", policy_kwargs={"radius": 9.0}),
        "MultiInputPolicy",
        {},
        {"advantage": "readout"},
    ),
}
SHARED = {"learning_rate": 0.002, "n_steps": 7, "batch_size": 33, "gamma": 0.99, "max_grad_norm": 2.0}
OF_HINDSIGHT = {
    **SHARED, "train_ratio": 0.5, "solved_cell_weight": 0.25, "buffer_size": 900, "min_buffer_size": 70,
    "checker_steps": 77, "ema_decay": 0.99, "carry_unroll": None, "train_unroll": [4, 4, 4], "beta": 10.0,
    "search": None, "unroll": 4, "policy_kwargs": {**W8, "radius": 9.0},
}  # fmt: skip
OF_UPI_TRM = {**SHARED, "n_epochs": 3, "target": KStep(5, 4.0), "unroll": 4}


def randomised(model):
    """Heads start at zero, which would hide what lies behind them."""
    with torch.no_grad():
        for parameter in model.policy.parameters():
            parameter.add_(0.3 * torch.randn(parameter.shape, generator=torch.Generator().manual_seed(1)))
    return model


@pytest.mark.parametrize("name", CASES)
def test_an_old_file_is_refused_with_the_command_and_loads_after_it(name, tmp_path, capsys):
    make, policy_class, settings, expected = CASES[name]
    model = randomised(make())
    old = old_file(tmp_path / "old.zip", model, policy_class, **settings)
    cls = type(model)
    for refusing in (lambda: cls.load(old), lambda: cls.load(str(tmp_path / "old")), lambda: zoo.slim(old)):
        with pytest.raises(ValueError, match=f"saved by version 0.1.*{COMMAND}"):
            refusing()
    assert conversion.main([str(old), str(tmp_path / "new.zip")]) == 0
    assert capsys.readouterr().out == ""
    loaded = cls.load(tmp_path / "new.zip", device="cpu", env=model.env)
    state = model.policy.state_dict()
    assert all(torch.equal(value, state[key]) for key, value in loaded.policy.state_dict().items())
    facts = {**(OF_HINDSIGHT if cls is HindsightTRM else OF_UPI_TRM), **expected}
    assert {key: getattr(loaded, key) for key in facts} == facts
    assert loaded.num_timesteps == 321 and loaded.seed is None
    with pytest.raises(ValueError, match=r"not of version 0\.1: there is nothing to convert"):
        conversion.converted(tmp_path / "new.zip")
    observation = loaded.env.reset()
    if name != "auto":
        assert np.array_equal(
            loaded.policy.predict(observation, deterministic=True)[0],
            model.policy.predict(observation, deterministic=True)[0],
        )
    loaded.learn(loaded.n_steps * loaded.n_envs)


BY = {
    "restarts": ({"restarts": 9}, {"attempts": 9, "unroll": 120, "by": {"kind": "restarts"}}),
    "refinements": (
        {"restarts": 9, "restart_unroll": 6, "refinements": 2},
        {"attempts": 9, "unroll": 6, "by": {"kind": "refinements", "in_a_row": 2}},
    ),
    "guesses": (
        {"restarts": 9, "restart_unroll": 6, "guess_unroll": 3},
        {"attempts": 9, "unroll": 6, "by": {"kind": "guesses", "early_unroll": 3}},
    ),
    "none": ({"restarts": 0, "restart_unroll": 6, "refinements": 2}, {}),
}


@pytest.mark.parametrize("latent", ["episodic", "persistent"])
@pytest.mark.parametrize("name", BY)
def test_attempts_of_old_policies_become_keywords_of_a_solver(name, latent, tmp_path, capsys):
    kwargs, expected = BY[name]
    if expected and latent == "episodic":
        expected = {**expected, "carry_unroll": 4}
    old = old_file(
        tmp_path / "old.zip", hindsight(), REPAIR, target="hindsight", latent=latent, policy_kwargs={**W8, **kwargs}
    )
    assert conversion.converted(old).attempts == expected
    assert conversion.main([str(old), str(tmp_path / "new.zip")]) == 0
    printed = capsys.readouterr().out
    assert json.dumps(expected) in printed if expected else printed == ""
    model = HindsightTRM.load(tmp_path / "new.zip", env=sudoku(), device="cpu")
    assert not set(model.policy_kwargs) & {"restarts", "restart_unroll", "refinements", "guess_unroll"}
    if expected:
        found = Attempts(model, **presets.solver_keywords(expected)).solve(sudokus(4, 3))
        assert (found.calls >= 1).all()


@pytest.mark.parametrize(
    ("policy_class", "settings", "message"),
    [
        (REPAIR, {**HINDSIGHT, "policy_kwargs": {"members": 3}}, r"has policy_kwargs\['members'\], which no longer"),
        (REPAIR, {**HINDSIGHT, "policy_kwargs": {"readout_steps": 2}}, r"has policy_kwargs\['readout_steps'\]"),
        (REPAIR, {**HINDSIGHT, "policy_kwargs": {"hidden": 24}}, r"has policy_kwargs\['hidden'\]"),
        ("TRMPolicy", {"latent": "persistent"}, "carries its latent, which UPITRM no longer does"),
    ],
)
def test_what_no_longer_exists_is_refused(policy_class, settings, message, tmp_path):
    old = old_file(tmp_path / "old.zip", hindsight(), policy_class, **settings)
    with pytest.raises(ValueError, match=f"old.zip {message}.*: use version 0.1"):
        conversion.converted(old)


def test_settings_that_have_no_successor_are_left_out_where_they_were_off(tmp_path):
    kwargs = {**W8, "members": 1, "readout_steps": 1, "hidden": None}
    old = old_file(tmp_path / "old.zip", hindsight(), REPAIR, target="hindsight", policy_kwargs=kwargs)
    (tmp_path / "new.zip").write_bytes(conversion.converted(old).content)
    model = HindsightTRM.load(tmp_path / "new.zip", env=sudoku(), device="cpu")
    assert model.policy_kwargs == {**W8, "radius": 9.0}
    assert isinstance(model.policy._recursion["core"], ExactCover)


def test_todays_files_and_other_files_are_not_taken_for_old_ones(tmp_path):
    model = hindsight_trm().learn(32)
    model.save(tmp_path / "today.zip")
    with open(tmp_path / "today.zip", "rb") as file:
        assert HindsightTRM.load(file, device="cpu").num_timesteps == 32
    assert HindsightTRM.load(str(tmp_path / "today"), device="cpu").num_timesteps == 32
    with pytest.raises(FileNotFoundError):
        HindsightTRM.load(tmp_path / "none.zip")
    states = PlanEditMDP(SudokuTask(4)).initial(gym.make(ID, **EASY).unwrapped.source.instances[:4])
    loaded = HindsightTRM.load(tmp_path / "today.zip", device="cpu")
    predicted = [one.predict(observe(states), deterministic=True)[0] for one in (model, loaded)]
    assert np.array_equal(*predicted)
