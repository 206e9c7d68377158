"""Pages of the environments, generated from their docstrings: `python docs/generate.py` writes docs/environments/."""

from __future__ import annotations

import inspect
from pathlib import Path

import gymnasium as gym

import trm_envs

FOLDER = Path(__file__).parent / "environments"


def page(env_id: str) -> str:
    """The Markdown page of one id."""
    env = gym.make(env_id)
    spec = gym.spec(env_id)
    documentation = inspect.getdoc(type(env.unwrapped)) or ""
    head = [
        f"# {env_id}",
        "",
        f'Open it with `gym.make("trm_envs:{env_id}")`; many at once with `gym.make_vec("{env_id}", num_envs=B)`.',
        "",
        "| | |",
        "|---|---|",
        f"| action space | `{env.action_space}` |",
        *(f"| observation `{key}` | `{space}` |" for key, space in env.observation_space.spaces.items()),
        f"| entry points | `{spec.entry_point}`, `{spec.vector_entry_point}` |",
        f"| keywords of the id | `{spec.kwargs}` |",
        "",
    ]
    return "\n".join(head) + "\n" + documentation + "\n"


def pages() -> dict[str, str]:
    """File name -> text, the index included."""
    ids = [row.id for row in trm_envs.ENVIRONMENTS]
    index = ["# Environments", "", *(f"- [{env_id}]({env_id}.md)" for env_id in ids), ""]
    return {"index.md": "\n".join(index), **{f"{env_id}.md": page(env_id) for env_id in ids}}


def main() -> None:
    """Write all pages."""
    FOLDER.mkdir(exist_ok=True)
    for name, text in pages().items():
        (FOLDER / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
