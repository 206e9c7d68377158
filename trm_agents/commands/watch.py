"""Watch an agent edit one puzzle or one control plan, in the terminal, as a page that replays it or as a GIF."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from trm_agents.commands import agents, arguments
from trm_agents.commands.agents import is_system

if TYPE_CHECKING:
    from trm_agents.replay.control import ControlEpisode
    from trm_agents.replay.episode import Episode


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    parser.add_argument("model", metavar="MODEL", help=agents.HELP)
    arguments.add_environment(parser, required=False)
    arguments.add_puzzles(parser)
    arguments.add_choice(parser)
    text = "let it make at most N attempts before the first edit (default: 0, the policy alone)"
    arguments.add_trust(parser)
    parser.add_argument("--attempts", type=arguments.not_negative, default=0, metavar="N", help=text)
    add_output(parser)


def add_output(parser: argparse.ArgumentParser) -> None:
    """`--delay`, `--html`, `--gif` and `--json`: how the episode is shown."""
    text = "between steps (default: 0.5)"
    parser.add_argument("--delay", type=arguments.seconds, default=0.5, metavar="SECONDS", help=text)
    parser.add_argument("--html", type=Path, metavar="FILE", help="write a page that replays the episode instead")
    parser.add_argument("--gif", type=Path, metavar="FILE", help="write an animation instead")
    arguments.add_json(parser, "show nothing, print one JSON object")


def run(options: argparse.Namespace) -> int:
    """Play the episode, then show it or write its files."""
    # Loads numba: no help should wait for it.
    from trm_agents.commands import puzzles as reading
    from trm_agents.commands import spending

    agent = agents.about(options.model, options.env)
    if is_system(agent.env_id):
        return _run_control(agent, options)
    puzzles = reading.read(agent.env_id, options.puzzles, agent.keywords, options.env_kwargs)
    index = reading.pick(len(puzzles.instances), options.index, options.seed)
    # Loads torch: no mistake above should wait for it.
    from trm_agents.replay.episode import Watched, WithAttempts, play, watched

    model = agents.load(agent, puzzles.env, options.trust)
    if options.attempts:
        player: Watched = WithAttempts(spending.attempts_of(model, agent, puzzles.mdp, options.attempts))
    else:
        player = watched(model, puzzles.mdp)
    episode = play(player, puzzles.instances[index])
    present(episode, Path(options.model).stem, {"env": agent.env_id, "index": index}, options)
    return 0


def _run_control(agent: agents.About, options: argparse.Namespace) -> int:
    """Play an episode of control edits, then show it or write its files."""
    from trm_agents.commands import puzzles as reading
    from trm_agents.commands import states

    if options.puzzles is not None or options.attempts:
        raise ValueError("--puzzles and --attempts are for puzzles: give first states with --env-kwargs instances=...")
    found = states.read(agent.env_id, agent.keywords, options.env_kwargs)
    index = reading.pick(len(found.instances), options.index, options.seed)
    # Loads torch: no mistake above should wait for it.
    from trm_agents.replay.control import play

    model = agents.load_controller(agent, found.env, options.trust)
    episode = play(model, found.env.mdp, found.instances[index])
    present(episode, Path(options.model).stem, {"env": agent.env_id, "index": index}, options)
    return 0


def present(episode: Episode | ControlEpisode, name: str, facts: dict[str, Any], options: argparse.Namespace) -> None:
    """Show an episode as the options of `add_output` say.

    Args:
        episode: what is shown.
        name: of the agent.
        facts: `env` and `index` of the puzzle.
        options: `delay`, `html`, `gif` and `json`.
    """
    kind = "state" if is_system(facts["env"]) else "puzzle"
    title = f"{name} · {facts['env']} · {kind} {facts['index']}"
    files = _written(episode, title, options)
    if options.json:
        print(json.dumps({**facts, "solved": episode.solved, "edits": episode.edits, **files}))
        return
    console = Console(highlight=False)
    if not files:
        _perform(episode, title, console, options.delay)
    outcome = "[bold green]solved[/]" if episode.solved else "[bold red]not solved[/]"
    console.print(f"{outcome} in {episode.edits} edits of at most {episode.mdp.max_edits}")
    for file in files.values():
        console.print(f"replay: {file}", soft_wrap=True, markup=False)


def _perform(episode: Episode | ControlEpisode, title: str, console: Console, delay: float) -> None:
    from trm_agents.replay import control, terminal

    if isinstance(episode, control.ControlEpisode):
        control.perform(episode, title, console, delay)
    else:
        terminal.perform(episode, title, console, delay)


def _page(episode: Episode | ControlEpisode, title: str) -> str:
    from trm_agents.replay import control, page

    return control.page(episode, title) if isinstance(episode, control.ControlEpisode) else page.page(episode, title)


def _written(episode: Episode | ControlEpisode, title: str, options: argparse.Namespace) -> dict[str, str]:
    """The files asked for, once they are written: by kind."""
    files: dict[str, str] = {}
    if options.html is not None:
        options.html.write_text(_page(episode, title), encoding="utf-8")
        files["html"] = str(options.html)
    if options.gif is not None:
        # Needs the extra `render`.
        from trm_agents.replay.animation import write_gif

        write_gif(episode, options.gif, options.delay)
        files["gif"] = str(options.gif)
    return files
