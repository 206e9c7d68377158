"""The README's picture: `python docs/figures.py MODEL.zip` draws a trained agent editing a plan."""

from __future__ import annotations

import argparse
from pathlib import Path

import gymnasium as gym
import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt

import trm_envs
from trm_agents import UPITRM

FRAMES = 5
TARGET = Path(__file__).parent / "images" / "plan_edit.png"


def episode(model: UPITRM, env_id: str, seed: int) -> list[tuple[object, dict[str, object]]]:
    """Frames and infos of one greedy episode on a test puzzle, the first state included."""
    env = gym.make(env_id, split="test", render_mode="rgb_array")
    observation, info = env.reset(seed=seed)
    steps = [(env.render(), info)]
    done = False
    while not done:
        action, _ = model.predict(observation, deterministic=True)
        observation, _, done, _, info = env.step(action)
        steps.append((env.render(), info))
    return steps


def draw(steps: list[tuple[object, dict[str, object]]], target: Path) -> None:
    """A strip of frames evenly spaced over the episode."""
    chosen = sorted({round(i * (len(steps) - 1) / (FRAMES - 1)) for i in range(FRAMES)})
    figure, axes = plt.subplots(1, len(chosen), figsize=(2.6 * len(chosen), 3.0))
    for axis, index in zip(axes, chosen, strict=True):
        frame, info = steps[index]
        axis.imshow(frame)
        axis.set_axis_off()
        state = "solved" if info["is_success"] else f"score {info['score']:g}"
        axis.set_title("givens" if index == 0 else f"after edit {index}: {state}", fontsize=11)
    figure.tight_layout()
    target.parent.mkdir(exist_ok=True)
    figure.savefig(target, dpi=110)


def main() -> None:
    """Load the model, play, draw."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path)
    parser.add_argument("--env", default="SudokuPlanEdit-4x4-v0")
    parser.add_argument("--seed", type=int, default=3)
    args = parser.parse_args()
    gym.register_envs(trm_envs)
    draw(episode(UPITRM.load(args.model), args.env, args.seed), TARGET)


if __name__ == "__main__":
    main()
