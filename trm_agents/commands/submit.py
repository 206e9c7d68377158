"""Score a model on the test split and write it as an entry of the scoreboard."""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

from trm_agents.commands import agents, arguments, entries

EPILOG = (
    "The entry is NAME.json in FOLDER; a model's file is copied beside it. `make scoreboard` scores all entries anew "
    "and refuses what it cannot reproduce. MODULE:NAME is code: NAME is called with a PlanEditMDP and returns a "
    "solver, as those of trm_agents.solving, and its plans are judged by the checker."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    parser.add_argument("model", metavar="MODEL", help=f"{agents.HELP}, or MODULE:NAME")
    parser.add_argument("name", type=entry_name, metavar="NAME", help="of the entry")
    text = "what to score: policy, starts=N, attempts=N, search=N, views=N; of a module solver=N"
    parser.add_argument("--lines", type=lines, required=True, metavar="LINE[,LINE2]", help=text)
    arguments.add_environment(parser, required=False)
    text = "the scoreboard (default: benchmarks/scoreboard)"
    parser.add_argument("--to", type=Path, default=Path("benchmarks", "scoreboard"), metavar="FOLDER", help=text)
    arguments.add_trust(parser)
    arguments.add_json(parser, "the entry and nothing else")


def entry_name(text: str) -> str:
    """A name that is a file name too."""
    if not entries.NAME.fullmatch(text):
        raise argparse.ArgumentTypeError(f"an entry's name is lower-case words joined by '-', got {text!r}")
    return text


def lines(text: str) -> list[str]:
    """Lines of an entry, with commas between them."""
    found = text.split(",")
    for line in found:
        if not entries.LINE.fullmatch(line) or found.count(line) > 1:
            raise argparse.ArgumentTypeError(
                f"lines are policy, starts=N, attempts=N, search=N, views=N or solver=N, each once, got {line!r}"
            )
    return found


def run(options: argparse.Namespace) -> int:
    """Score, and write the entry."""
    # Loads torch.
    from trm_agents.commands.rescoring import entry_of, is_code
    from trm_agents.common.saving import replace_atomically, write_atomically

    if not options.to.is_dir():
        raise ValueError(f"there is no folder {options.to}: name the scoreboard's with --to")
    model, source = options.model, Path(options.model)
    if not (model.startswith(agents.ZOO) or is_code(model)):
        if not source.is_file():
            raise ValueError(f"there is no model file {model}: name a file, {agents.ZOO}NAME or MODULE:NAME")
        model = f"{options.name}.zip"
        if source.resolve() != (options.to / model).resolve():
            replace_atomically(options.to / model, lambda path: shutil.copyfile(source, path))
    env_kwargs = options.env_kwargs or None
    entry = entry_of(options.name, model, options.lines, options.env, env_kwargs, options.to, options.trust)
    write_atomically(options.to / f"{entry.name}.json", entry.as_json())
    if options.json:
        print(entry.as_json(), end="")
    for line in () if options.json else entry.lines:
        print(f"{entry.name}, {line.line}: {line.solved} of {line.n} puzzles of {entry.env_id} solved")
    return 0
