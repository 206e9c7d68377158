"""`--launcher local|ray|slurm`: where the works of a command run."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.commands import arguments
from benchmarks.running.launcher import Launcher, LocalLauncher

LAUNCHERS = ("local", "ray", "slurm")


def add_arguments(parser: argparse.ArgumentParser, works: str) -> None:
    """Declare the arguments.

    Args:
        parser: of the command.
        works: what the command calls that which it launches.
    """
    parser.add_argument(
        "--launcher",
        choices=LAUNCHERS,
        default="local",
        help=f"where {works} run: processes of this machine, tasks of a Ray cluster, or Slurm jobs (default: local)",
    )
    parser.add_argument(
        "--workers",
        type=arguments.positive,
        metavar="N",
        help=f"{works} at a time (default: one a processor of this machine; of Ray and Slurm, as many as they place)",
    )
    parser.add_argument(
        "--ray-address",
        default="auto",
        metavar="auto|HOST:PORT",
        help="the Ray cluster (default: auto, the one that this machine is part of); local starts one that ends again",
    )
    parser.add_argument(
        "--ray-code",
        choices=("sent", "there"),
        default="sent",
        help="whether Ray sends the code to its nodes, or each has a clone of this commit (default: sent)",
    )
    parser.add_argument(
        "--slurm",
        type=parameters,
        default={},
        metavar="K=V[,K=V]",
        help="what submitit takes, as slurm_partition=cpu,timeout_min=600; cluster=local tries it without Slurm",
    )


def parameters(text: str) -> dict[str, int | str]:
    """`slurm_partition=cpu,timeout_min=600` -> {"slurm_partition": "cpu", "timeout_min": 600}."""
    found: dict[str, int | str] = {}
    for part in arguments.names(text):
        name, equals, value = part.partition("=")
        if not name.isidentifier() or not equals:
            raise argparse.ArgumentTypeError(f"parameters are like timeout_min=600, got {part!r}")
        found[name] = int(value) if value.isdecimal() else value
    return found


@contextmanager
def launched(options: argparse.Namespace, root: Path) -> Iterator[Launcher]:
    """The launcher asked for; nothing of it is left afterwards.

    Args:
        options: of the command.
        root: folder of all works.

    Raises:
        ValueError: a package is missing, or there is no such cluster.
    """
    launcher = _launcher(options, root)
    try:
        yield launcher
    finally:
        launcher.close()


def _launcher(options: argparse.Namespace, root: Path) -> Launcher:
    try:
        if options.launcher == "ray":
            from benchmarks.running.ray_launcher import RayLauncher

            return RayLauncher(root, options.ray_address, send_code=options.ray_code == "sent")
        if options.launcher == "slurm":
            from benchmarks.running.slurm_launcher import SlurmLauncher

            return SlurmLauncher(root, options.slurm)
    except ModuleNotFoundError as error:
        missing = f"--launcher {options.launcher} needs the package {error.name!r}"
        raise ValueError(f"{missing}: pip install -e '.[{options.launcher}]'") from error
    return LocalLauncher()
