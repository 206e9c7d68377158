"""One self-contained page that replays an episode step by step: no network, no other file."""

from __future__ import annotations

import base64
import json
from typing import Any

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from numpy.typing import NDArray

from trm_agents.replay.episode import Episode, Frame, action_text, cell_of
from trm_envs.plan_edit.mdp import PlanEditMDP, PlanStates


def page(episode: Episode, title: str) -> str:
    """The HTML page of an episode."""
    # Inside a script only "</" could end it.
    data = Markup(json.dumps(page_data(episode), separators=(",", ":"), ensure_ascii=False).replace("</", "<\\/"))
    return templates().get_template("replay.html").render(title=title, samples=_samples(episode), data=data)


def templates() -> Environment:
    """The templates of this package's pages."""
    return Environment(
        loader=PackageLoader("trm_agents.replay"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _samples(episode: Episode) -> dict[str, Any]:
    """What the legend shows: a symbol that was given, one that was edited in, and whether there are walls."""
    views = [frame.view(episode.mdp.task) for frame in episode.frames]
    shown = {kind: symbol for view in views for kind, symbol in zip(view.kinds, view.symbols, strict=True)}
    return {"given": shown.get("given", ""), "edit": shown.get("edit", ""), "walls": "wall" in shown}


def page_data(episode: Episode) -> dict[str, Any]:
    """What the page's script reads."""
    mdp, view = episode.mdp, episode.frames[0].view(episode.mdp.task)
    return {
        "rows": mdp.task.shape[0],
        "columns": mdp.task.shape[1],
        "blocks": view.blocks.tolist(),
        "edits": view.edits,
        "stop": mdp.stop_action is not None,
        "max_edits": mdp.max_edits,
        "solved": episode.solved,
        "frames": [_frame(episode, frame) for frame in episode.frames],
    }


def _frame(episode: Episode, frame: Frame) -> dict[str, Any]:
    mdp, before = episode.mdp, episode.frames[max(0, frame.step - 1)]
    view, checks, thought = frame.view(mdp.task), frame.checks, frame.thought
    return {
        "symbols": view.symbols,
        "kinds": view.kinds,
        "bad": np.flatnonzero(view.violating).tolist(),
        "dead": np.flatnonzero(view.dead_ends).tolist(),
        "score": round(float(checks.score[0]), 6),
        "filled": int(checks.filled[0]),
        "violations": int(checks.violations[0]),
        "dead_ends": int(checks.dead_ends[0]),
        "left": int(frame.states.remaining_edits[0]),
        "made": None if frame.made is None else _action(mdp, before, frame.made),
        "chosen": None
        if thought is None
        else _action(mdp, frame, thought.action) | {"p": _chance(thought.policy, thought.action)},
        "policy": None if thought is None else _packed(mdp, frame.states, thought.policy),
        "stop": _chance(thought.policy, -1) if thought is not None and mdp.stop_action is not None else None,
        "values": None if thought is None or not thought.unroll else [round(float(u), 5) for u in thought.values],
        "unroll": None if thought is None else thought.unroll or None,
    }


def _chance(policy: NDArray[np.float32], action: int) -> float:
    return round(float(policy[action]), 6)


def _action(mdp: PlanEditMDP, frame: Frame, action: int) -> dict[str, Any]:
    """An action's words and cell; stopping has none."""
    return {"text": action_text(mdp, frame.view(mdp.task), action), "cell": cell_of(mdp, frame.states, action)}


def _packed(mdp: PlanEditMDP, states: PlanStates, policy: NDArray[np.float32]) -> str:
    """Probabilities cell by cell, the edits of each in order, as base64 of little-endian 16-bit shares of 65535.

    A move stands in the cell that it leads to.
    """
    task = mdp.task
    if task.edits_cells:
        writes, rest = np.split(policy[: task.n_actions], [task.n_cells * task.n_symbols])
        by_cell = np.concatenate([writes.reshape(task.n_cells, -1), rest.reshape(task.n_cells, -1)], axis=1)
    else:
        by_cell = np.zeros((task.n_cells, task.n_actions), np.float32)
        for action in range(task.n_actions):
            by_cell[cell_of(mdp, states, action), action] = policy[action]
    return base64.b64encode(np.rint(by_cell * 65535).astype("<u2").tobytes()).decode()
