"""Fake contestants (a module with the names that `baselines` has) and helpers of the benchmark's tests."""

from __future__ import annotations

import io
import json
import os
import time
import traceback
import zipfile
from pathlib import Path
from types import SimpleNamespace

import numpy as np
from rich.console import Console

import baselines
from baselines import Line, Method, Space
from benchmarks import cli
from benchmarks.running.launcher import Process, Work
from trm_agents.solving import Solutions
from trm_envs.sudoku.solver import solve

__all__ = ["LINES", "METHODS", "SPACES"]

ROLLOUT = 10


class FakeModel:
    """Counts steps and draws a number a step, so that two runs can be told apart."""

    def __init__(self, name: str, seed: int, settings: dict | None = None) -> None:
        self.name = name
        self.settings = settings or {}
        self.num_timesteps = 0
        self.rng = np.random.default_rng(seed)
        self.trace = 0.0
        self.was_loaded = False
        group = {"params": [SimpleNamespace(numel=lambda: 7)]}
        self.policy = SimpleNamespace(optimizer=SimpleNamespace(param_groups=[group]))

    @property
    def gradient_steps_done(self) -> int:
        return self.num_timesteps // ROLLOUT

    @property
    def model_queries(self) -> int:
        return 3 * self.num_timesteps

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


class FakeMethod(Method):
    """A row whose models play a reference line: `mine` a greedy one, others at random."""

    def make(self, env_id, env_kwargs, seed, device="cpu", settings=None):
        return FakeModel(self.name, seed, settings)

    def load(self, path, env_id, env_kwargs, device="cpu", trust=False):
        model = FakeModel(self.name, 0)
        with zipfile.ZipFile(path) as archive:
            state = json.loads(archive.read("data"))
        model.num_timesteps, model.trace = state["num_timesteps"], state["trace"]
        model.rng.bit_generator.state = state["rng"]
        model.was_loaded = True
        return model

    def carry_over(self, model, env_id, env_kwargs, seed=None):
        model.carried_to = env_id
        return model

    def agent(self, model, mdp, rng, unroll=None, tolerance=None):
        # The final model of the slow row is scored when the test says so.
        while self.name == "slow" and model.was_loaded and not Path(os.environ["BENCH_FAKES_HOLD"]).exists():
            time.sleep(0.05)
        name = model.settings.get("line", "checker_greedy") if self.name == "mine" else "random"
        return baselines.LINES[name].agent(mdp, rng)

    def solver(self, model, mdp, env_id, kind, budget, unroll=None):
        return FakeSolver(mdp, budget)


class FakeSolver:
    """Knows the solutions, writes them to the first `budget` instances, and asks a network once an instance."""

    def __init__(self, mdp, budget):
        self.mdp, self.budget = mdp, budget

    def solve(self, instances):
        solutions, _ = solve(instances)
        solved = np.arange(len(instances)) < self.budget
        plans = np.where(solved[:, None], solutions, instances)
        edits = np.where(solved, (instances == 0).sum(1), self.mdp.max_edits)
        once = np.ones(len(instances), np.int64)
        return Solutions(plans.astype(np.int8), solved, edits, once, 120 * once, 2 * once)


# `mine` is a greedy agent that resumes exactly and has solvers, `ppo` a random one that does and has not.
METHODS = {
    name: FakeMethod(
        name,
        f"fake:{name}",
        "",
        "dict",
        1,
        {},
        family="hindsight" if name == "mine" else "baseline",
        resumes_exactly=name == "mine",
    )
    for name in ("mine", "ppo", "broken", "slow")
}
LINES: dict[str, Line] = {name: baselines.LINES[name] for name in ("random", "singles")}
# `mine` plays the line that its settings name; `ppo` plays at random whatever its settings are.
SPACES = {
    "mine": Space({"line": ["checker_greedy", "random", "random_consistent"]}, [{"line": "random"}]),
    "ppo": Space({"learning_rate": [1e-3, 1e-4], "net_arch": [[64], [64, 64], [8]]}),
}


class Done:
    """A process that has ended."""

    def __init__(self, code: int) -> None:
        self.code = code

    def poll(self) -> int | None:
        return self.code

    def stop(self) -> None:
        pass

    def wait(self) -> None:
        pass


class HereLauncher:
    """Runs cells in this process; after `limit` of them it behaves like Ctrl-C."""

    workers = 1

    def __init__(self, limit: int | None = None) -> None:
        self.limit = limit
        self.started: list[Work] = []

    def start(self, work: Work) -> Process:
        if self.limit is not None and len(self.started) == self.limit:
            raise KeyboardInterrupt
        self.started.append(work)
        log = work.root / work.log
        log.parent.mkdir(parents=True, exist_ok=True)
        try:
            return Done(cli.main([*work.words, "--out", str(work.root)]))
        except Exception:
            log.write_text(traceback.format_exc())
            return Done(1)

    def traffic(self) -> tuple[int, int]:
        return 0, 0

    def close(self) -> None:
        pass


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
