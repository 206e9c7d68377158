"""An episode as an animated GIF, each state as the environment's own image."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from trm_agents.replay.control import ControlEpisode
from trm_agents.replay.episode import Episode

LAST = 4
"""How many times as long as the others the last state is shown."""


def write_gif(episode: Episode | ControlEpisode, path: Path, delay: float) -> None:
    """Write the file.

    Args:
        episode: what is shown.
        path: the file.
        delay: seconds a state is shown; GIF counts in hundredths.
    """
    images = [
        Image.fromarray(episode.mdp.task.render_image(frame.states.instances[0], frame.states.plans[0]))
        for frame in episode.frames
    ]
    shown = max(20, round(1000 * delay))
    durations = [shown] * (len(images) - 1) + [LAST * shown]
    images[0].save(path, format="GIF", save_all=True, append_images=images[1:], duration=durations, loop=0)
