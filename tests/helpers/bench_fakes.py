"""Fake contestants (a module with the names that `baselines` has) and helpers of the benchmark's tests."""

from __future__ import annotations

import io
import json
import time
import traceback
import zipfile
from pathlib import Path
from types import SimpleNamespace

import numpy as np
from rich.console import Console

import baselines
from baselines import Method, Space, line
from benchmarks import cli
from benchmarks.running.launcher import Process
from trm_agents.solving import policy_proposer, uniform_proposer

__all__ = [
    "LINES",
    "METHODS",
    "SPACES",
    "agent_of",
    "carry_over",
    "gradient_steps",
    "guesser_of",
    "line",
    "load",
    "make",
    "model_queries",
    "parameters",
    "proposer_of",
]

# `mine` is a greedy agent that resumes exactly, `ppo` a random one that does not.
METHODS = {
    name: Method(name, f"fake:{name}", "", "dict", 1, {}, resumes_exactly=name == "mine")
    for name in ("mine", "ppo", "broken")
}
LINES = {name: baselines.LINES[name] for name in ("random", "singles")}
# `mine` plays the line that its settings name; `ppo` plays at random whatever its settings are.
SPACES = {
    "mine": Space({"line": ["checker_greedy", "random", "random_consistent"]}, [{"line": "random"}]),
    "ppo": Space({"learning_rate": [1e-3, 1e-4], "net_arch": [[64], [64, 64], [8]]}),
}

ROLLOUT = 10


class FakeModel:
    """Counts steps and draws a number a step, so that two runs can be told apart."""

    def __init__(self, name: str, seed: int, settings: dict | None = None) -> None:
        self.name = name
        self.settings = settings or {}
        self.num_timesteps = 0
        self.rng = np.random.default_rng(seed)
        self.trace = 0.0
        self.policy = SimpleNamespace(parameters=lambda: [SimpleNamespace(requires_grad=True, numel=lambda: 7)])

    def learn(self, total_timesteps, callback, reset_num_timesteps=True):
        if self.name == "broken":
            raise RuntimeError("this algorithm is broken on purpose")
        if reset_num_timesteps:
            self.num_timesteps = 0
        total_timesteps += self.num_timesteps
        callback.init_callback(self)
        callback.on_training_start({}, {})
        while self.num_timesteps < total_timesteps:
            callback.on_rollout_start()
            for _ in range(ROLLOUT):
                self.num_timesteps += 1
                self.trace += self.rng.random()
                callback.on_step()
        callback.on_training_end()
        return self

    def save(self, path):
        state = {"num_timesteps": self.num_timesteps, "trace": self.trace, "rng": self.rng.bit_generator.state}
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("data", json.dumps(state))


def make(name, env_id, env_kwargs, seed, settings=None):
    return FakeModel(name, seed, settings)


def load(name, path, env_id, env_kwargs):
    model = FakeModel(name, 0)
    with zipfile.ZipFile(path) as archive:
        state = json.loads(archive.read("data"))
    model.num_timesteps, model.trace = state["num_timesteps"], state["trace"]
    model.rng.bit_generator.state = state["rng"]
    return model


def carry_over(name, model, env_id, env_kwargs, seed=None):
    model.carried_to = env_id
    return model


def agent_of(name, model, mdp, rng, unroll=None, tolerance=None):
    return line(model.settings.get("line", "checker_greedy") if name == "mine" else "random", mdp, rng)


def proposer_of(name, model, mdp, unroll=None):
    # `mine` prefers low digits a little, so that it differs from the uniform proposer.
    if name != "mine":
        return policy_proposer(model.policy)

    def propose(states):
        even = uniform_proposer(mdp)(states)
        return even * np.linspace(1.0, 0.5, even.shape[2])

    return propose


def guesser_of(model, mdp):
    return None


def parameters(model):
    return sum(p.numel() for p in model.policy.parameters())


def gradient_steps(model):
    return model.num_timesteps // ROLLOUT


def model_queries(model):
    return 3 * model.num_timesteps


class Done:
    """A process that has ended."""

    def __init__(self, code: int) -> None:
        self.code = code

    def poll(self) -> int | None:
        return self.code

    def stop(self) -> None:
        pass


class HereLauncher:
    """Runs cells in this process; after `limit` of them it behaves like Ctrl-C."""

    def __init__(self, limit: int | None = None) -> None:
        self.limit = limit
        self.started: list[list[str]] = []

    def start(self, arguments, log: Path) -> Process:
        if self.limit is not None and len(self.started) == self.limit:
            raise KeyboardInterrupt
        self.started.append(list(arguments))
        log.parent.mkdir(parents=True, exist_ok=True)
        try:
            return Done(cli.main(arguments))
        except Exception:
            log.write_text(traceback.format_exc())
            return Done(1)


def quiet() -> Console:
    return Console(file=io.StringIO())


def run_words(out: Path, algos: str = "mine,ppo", seeds: str = "0-1", *more: str) -> list[str]:
    words = ["run", "--suite", "sudoku-4x4-hard", "--algos", algos, "--seeds", seeds, "--steps", "200"]
    return [*words, "--workers", "2", "--contestants", "bench_fakes", "--out", str(out), *more]


def without_clock(row: dict) -> dict:
    return {key: value for key, value in row.items() if key not in ("wall_s", "command")}


def wait_for(condition, seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.1)
