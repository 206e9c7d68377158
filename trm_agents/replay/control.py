"""One episode of an agent that edits control plans, as it is to be shown: the plan after every edit."""

from __future__ import annotations

import base64
import io
import time
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from trm_agents.replay.page import templates
from trm_agents.trc import TRC
from trm_envs.continuous.checks import ControlChecks
from trm_envs.continuous.mdp import ControlEditMDP, ControlStates
from trm_envs.continuous.spaces import ControlEditRules


@dataclass(frozen=True)
class ControlFrame:
    """One state of an episode."""

    step: int
    """Edits made so far."""
    states: ControlStates
    """The state, a batch of one."""
    checks: ControlChecks
    """The checker's word on it, a batch of one."""
    accepted: bool | None
    """Whether the edit that led here was taken; None at the start."""

    @property
    def cost(self) -> float:
        """J of the plan."""
        return float(self.checks.cost[0])


@dataclass(frozen=True)
class ControlEpisode:
    """A greedy episode from its first state to its end."""

    mdp: ControlEditMDP
    frames: tuple[ControlFrame, ...]

    @property
    def solved(self) -> bool:
        """Whether the last plan keeps every constraint and ends at the target."""
        return bool(self.frames[-1].checks.success[0])

    @property
    def edits(self) -> int:
        """Edits made."""
        return len(self.frames) - 1


def play(model: TRC, mdp: ControlEditMDP, instance: NDArray[np.float64]) -> ControlEpisode:
    """One greedy episode on one instance, shape (n,); latents are carried from edit to edit."""
    rules: ControlEditRules = model._rules(mdp)
    states, carried = mdp.initial(instance[None]), None
    frames = [ControlFrame(0, states, mdp.check(states), None)]
    ended = False
    while not ended:
        observation = rules.observe(states, frames[-1].checks)
        actions, carried = model.predict(observation, carried, deterministic=True)
        done = mdp.transition(states, rules.read_actions(actions, 1), frames[-1].checks)
        states, ended = done.successors, bool(done.terminated[0])
        frames.append(ControlFrame(len(frames), states, done.checks, bool(done.accepted[0])))
    return ControlEpisode(mdp, tuple(frames))


def facts(episode: ControlEpisode, frame: ControlFrame) -> dict[str, str]:
    """What is known of a frame: name -> value."""
    task, checks, before = episode.mdp.task, frame.checks, episode.frames[max(0, frame.step - 1)]
    unit = f" {task.cost_unit}" if task.cost_unit else ""
    change = 0.0 if frame.step == 0 else frame.cost / before.cost - 1.0
    found = {
        "edits": f"{frame.step} of {episode.mdp.max_edits}",
        "cost J": f"{frame.cost:.6g}{unit}",
        "change": "" if frame.step == 0 else "refused" if frame.accepted is False else f"{100 * change:+.3g} %",
        "distance from the target": f"{checks.terminal_error[0]:.3g} tolerances",
    }
    if not task.always_feasible:
        worst = "" if checks.feasible[0] else f" ({task.constraints[int(checks.worst[0])]})"
        found["violation"] = f"{checks.violation[0]:.3g} tolerances{worst}"
    return found


def perform(episode: ControlEpisode, title: str, console: Console, delay: float) -> None:
    """Show an episode frame by frame, `delay` seconds each; where there is no terminal, its last frame alone."""
    if not console.is_terminal:
        console.print(scene(episode, episode.frames[-1], title))
        return
    with Live(console=console, auto_refresh=False) as live:
        for frame in episode.frames:
            live.update(scene(episode, frame, title), refresh=True)
            if frame is not episode.frames[-1]:
                time.sleep(delay)


def scene(episode: ControlEpisode, frame: ControlFrame, title: str) -> RenderableType:
    """One frame: what is known of the plan above the task's own drawing of trajectory and controls."""
    text = episode.mdp.task.render_text(frame.states.instances[0], frame.states.plans[0])
    table = Table.grid(padding=(0, 2))
    for name, value in facts(episode, frame).items():
        table.add_row(Text(name, "dim"), Text(value))
    # First what is known: a low terminal cuts off the rest.
    body = Group(table, "", Text.from_ansi(text, no_wrap=True))
    return Panel(body, title=title, title_align="left", expand=False, border_style="dim", padding=(1, 2))


def page(episode: ControlEpisode, title: str) -> str:
    """One self-contained HTML page that replays the episode: a picture and the facts of every edit.

    Raises:
        DependencyNotInstalled: Pillow is missing.
    """
    frames = [{"picture": _picture(episode, frame), "facts": facts(episode, frame)} for frame in episode.frames]
    return templates().get_template("control.html").render(title=title, frames=frames)


def _picture(episode: ControlEpisode, frame: ControlFrame) -> str:
    """A state as PNG in base64."""
    # Needs the extra `render`.
    from PIL import Image

    pixels: Any = episode.mdp.task.render_image(frame.states.instances[0], frame.states.plans[0])
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, format="PNG", optimize=True)
    return base64.b64encode(out.getvalue()).decode()
