"""A puzzle of your own: Latin squares, learned from a checker that you write. `python examples/own_puzzle.py`."""

import argparse

import numpy as np

from trm_agents import Attempts, HindsightTRM, presets
from trm_envs import InstancePool, PlanEditEnv, PlanEditMDP, PlanEditVectorEnv, SymbolTask
from trm_envs.plan_edit.rules import count_repeats, rows_and_columns
from trm_envs.testing import check_task


class Latin(SymbolTask):
    """Every row and every column of an n x n grid holds each of n symbols once."""

    def __init__(self, n):
        super().__init__(shape=(n, n), n_symbols=n)

    @property
    def groups(self):
        """Cells that bear on each other."""
        return {"line": rows_and_columns(self.shape)}

    def check(self, instances, plans):
        """The checker: how many cells are filled, and how many symbols repeat."""
        return count_repeats(plans, self.groups["line"], self.n_symbols)


def latin_squares(n, count, blanks, rng):
    """Draw squares; return them with blanks (0), and whole."""
    squares = np.empty((count, n * n), np.int8)
    for square in squares:
        rows, columns, symbols = (rng.permutation(n) for _ in range(3))
        square[:] = symbols[(rows[:, None] + columns) % n].ravel() + 1
    is_blank = rng.permuted(np.tile(np.arange(n * n) < blanks, (count, 1)), axis=1)
    return np.where(is_blank, 0, squares).astype(np.int8), squares


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=15_000, help="environment steps")
    steps, rng = parser.parse_args().steps, np.random.default_rng(0)

    task = Latin(6)
    instances, squares = latin_squares(6, 5_000, 24, rng)
    check_task(task, instances, solutions=squares)
    env = PlanEditVectorEnv(50, PlanEditMDP(task), InstancePool(instances), autoreset_mode="SameStep")
    model = HindsightTRM("TokenPolicy", env, seed=0, **presets.SMALL)
    model.learn(steps)

    held_out, _ = latin_squares(6, 100, 24, rng)
    single, solved = PlanEditEnv(PlanEditMDP(task), InstancePool(held_out)), 0
    for grid in held_out:
        (observation, _), done = single.reset(options={"puzzle": grid}), False
        while not done:
            action, _ = model.predict(observation, deterministic=True)
            observation, _, done, _, info = single.step(action)
        solved += info["is_success"]
    print(f"the policy alone solved {solved} of {len(held_out)} held-out squares")
    print(f"up to 32 more attempts at each solved {Attempts(model, 32).solve(held_out).solved.sum()}")
