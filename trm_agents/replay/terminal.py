"""An episode in the terminal: the task's own drawing of the plan beside what the agent makes of it."""

from __future__ import annotations

import time
from collections.abc import Sequence

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.padding import Padding
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from trm_agents.replay.episode import Episode, Frame, action_text

BLOCKS = "▁▂▃▄▅▆▇█"
BAR = 20
FACTS = 46
"""Columns that the facts beside the plan take."""


def perform(episode: Episode, title: str, console: Console, delay: float) -> None:
    """Show an episode frame by frame, `delay` seconds each; where there is no terminal, its last frame alone."""
    if not console.is_terminal:
        console.print(scene(episode, episode.frames[-1], title, console.width))
        return
    with Live(console=console, auto_refresh=False) as live:
        for frame in episode.frames:
            live.update(scene(episode, frame, title, console.width), refresh=True)
            if frame.thought is not None:
                time.sleep(delay)


def scene(episode: Episode, frame: Frame, title: str, width: int) -> RenderableType:
    """One frame; the facts stand below the plan where `width` columns are too few for both."""
    text = episode.mdp.task.render_text(frame.states.instances[0], frame.states.plans[0])
    plan = Text.from_ansi(text, no_wrap=True)
    parts = Padding(plan, (0, 3, 0, 0)), _facts(episode, frame)
    if plan.cell_len and max(line.cell_len for line in plan.split()) + FACTS + 7 > width:
        body: RenderableType = Group(*parts)
    else:
        beside = Table.grid()
        beside.add_row(*parts)
        body = beside
    return Panel(body, title=title, title_align="left", expand=False, border_style="dim", padding=(1, 2))


def _facts(episode: Episode, frame: Frame) -> Table:
    """What is known of a frame, one line each."""
    checks, thought, before = frame.checks, frame.thought, episode.frames[max(0, frame.step - 1)]
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_row("step", f"{frame.step} of at most {episode.mdp.max_edits}")
    table.add_row("edit made", "" if frame.made is None else _action(episode, before, frame.made))
    if thought is None:
        table.add_row("result", Text.from_markup("[bold green]solved" if episode.solved else "[bold red]not solved"))
    else:
        table.add_row("edit chosen", Text(_action(episode, frame, thought.action), "bold"))
        table.add_row("probability", _bar(float(thought.policy[thought.action])))
    table.add_row("score", f"{checks.score[0]:g}")
    table.add_row("filled", str(checks.filled[0]))
    table.add_row("violations", _flaws(int(checks.violations[0])))
    table.add_row("dead ends", _flaws(int(checks.dead_ends[0])))
    if thought is not None and thought.unroll:
        table.add_row("value U_n", f"{thought.values[thought.unroll - 1]:.2f}  (n = {thought.unroll})")
        table.add_row(f"U_1 ... U_{len(thought.values)}", sparkline(thought.values.tolist()))
    return table


def _action(episode: Episode, frame: Frame, action: int) -> str:
    return action_text(episode.mdp, frame.view(episode.mdp.task), action)


def _bar(share: float) -> Text:
    full = round(BAR * share)
    return Text("━" * full, "blue") + Text("━" * (BAR - full), "bright_black") + Text(f" {share:.1%}")


def _flaws(count: int) -> Text:
    return Text(str(count), "red" if count else "")


def sparkline(values: Sequence[float]) -> str:
    """`▁▄█`: one character a value, from the lowest to the highest of them."""
    least, most = min(values), max(values)
    if most == least:
        return BLOCKS[3] * len(values)
    return "".join(BLOCKS[round((value - least) / (most - least) * (len(BLOCKS) - 1))] for value in values)
