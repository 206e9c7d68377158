"""The moving picture of the README: `python docs/figures.py` draws an episode of a trained agent of the zoo."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any, NamedTuple

import gymnasium as gym
from PIL import Image, ImageDraw

import trm_envs
from trm_agents import zoo
from trm_envs.plan_edit.problem import TRAINING_OPTIONS

TARGET = Path(__file__).parent / "images" / "plan_edit.gif"
SIDE, BAR = 300, 26
"""Pixels of the board and of the line of words above it."""
FIRST, EACH, LAST = 1200, 180, 3000
"""How long frames are shown, in milliseconds."""
COLOURS = 32


class Frame(NamedTuple):
    """A state of the episode."""

    picture: Any
    """RGB, shape (height, width, 3), uint8."""
    info: dict[str, Any]


def episode(agent: str, seed: int) -> list[Frame]:
    """One greedy episode of the policy alone on a test puzzle, the first state included."""
    card = zoo.card(agent)
    tested_with = {key: value for key, value in card.env_kwargs.items() if key not in TRAINING_OPTIONS}
    env = gym.make(card.env_id, **tested_with, split="test", render_mode="rgb_array")
    model, state, done = zoo.load(agent), None, False
    observation, info = env.reset(seed=seed)
    frames = [Frame(env.render(), info)]
    while not done:
        start = None if state is None else [False]
        action, state = model.predict(observation, state, start, deterministic=True)
        observation, _, done, _, info = env.step(action)
        frames.append(Frame(env.render(), info))
    return frames


def draw(frames: list[Frame], target: Path) -> None:
    """An animation, one picture an edit."""
    pictures = [_picture(i, frame) for i, frame in enumerate(frames)]
    times = [FIRST, *[EACH] * (len(frames) - 2), LAST]
    target.parent.mkdir(exist_ok=True)
    pictures[0].save(target, save_all=True, append_images=pictures[1:], duration=times, loop=0, optimize=True)


def _picture(edits: int, frame: Frame) -> Image.Image:
    board = Image.fromarray(frame.picture).resize((SIDE, SIDE), Image.Resampling.LANCZOS)
    whole = Image.new("RGB", (SIDE, SIDE + BAR), "white")
    whole.paste(board, (0, BAR))
    state = "solved" if frame.info["is_success"] else f"checker: {frame.info['score']:g}"
    words = f"edit {edits}   {state}"
    ImageDraw.Draw(whole).text((8, 5), words, fill="black", font_size=14)
    return whole.quantize(COLOURS, dither=Image.Dither.NONE)


def main() -> None:
    """Play and draw."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--agent", default="upi-trm-sudoku-9x9", help="name of an agent of the zoo")
    parser.add_argument("--seed", type=int, default=0, help="chooses the puzzle")
    parser.add_argument("--out", type=Path, default=TARGET)
    options = parser.parse_args()
    gym.register_envs(trm_envs)
    draw(episode(options.agent, options.seed), options.out)


if __name__ == "__main__":
    main()
