"""Files that are replaced as a whole or not at all, whatever kills the writer."""

from __future__ import annotations

import glob
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

_LEFT = re.compile(r"\.(?P<name>.+)\.(?P<writer>\d+)(?P<suffix>\.[^.]*)?")
"""Names of temporary files."""


def write_atomically(path: Path, content: str | bytes) -> None:
    """Replace a file as a whole, or not at all; what killed writers left of it is removed."""

    def write(temporary: Path) -> None:
        temporary.write_bytes(content.encode() if isinstance(content, str) else content)

    replace_atomically(path, write)


def replace_atomically(path: Path, write: Callable[[Path], object]) -> None:
    """Replace a file by what `write` writes to the path that it is given, as a whole or not at all.

    The content is on the disk before the name points to it. Temporary files that killed processes left beside it are
    removed.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    mine = _temporary(path, os.getpid())
    remove_leftovers(path)
    try:
        write(mine)
        # A rename may reach the disk before what was written does.
        with open(mine, "rb+") as file:
            os.fsync(file.fileno())
        if path.exists():
            shutil.copymode(path, mine)
        os.replace(mine, path)
    except BaseException:
        mine.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def write_model(path: Any, write: Callable[[Any], object]) -> None:
    """Let `write` write a model to a path, which may lack its `.zip`, as a whole or not at all.

    What is no file on a disk, an open file or a device, is written to as it is.
    """
    if not isinstance(path, (str, Path)):
        write(path)
        return
    file = Path(path)
    # As SB3 completes names.
    file = file.with_name(f"{file.name}.zip") if file.name and not file.suffix else file
    if file.is_file() or not file.exists():
        replace_atomically(file.resolve(), write)
    else:
        write(file)


def sweep(folder: Path) -> None:
    """Remove the temporary files of dead writers anywhere in a folder."""
    for left in folder.rglob(".*"):
        found = _LEFT.fullmatch(left.name)
        if found and Path(found["name"]).suffix == (found["suffix"] or "") and not _alive(int(found["writer"])):
            left.unlink(missing_ok=True)


def remove_leftovers(path: Path) -> None:
    """Remove the temporary files of a path whose writers are dead."""
    for left in path.parent.glob(_temporary(Path(glob.escape(path.name)), "*").name):
        writer = left.name.removesuffix(path.suffix).rpartition(".")[2]
        if writer.isdecimal() and not _alive(int(writer)):
            left.unlink(missing_ok=True)


def sync_folder(folder: Path) -> None:
    """Let the names in a folder reach the disk, where its file system can be asked to."""
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError:
        return
    try:
        os.fsync(descriptor)
    except OSError:
        return
    finally:
        os.close(descriptor)


def _temporary(path: Path, writer: int | str) -> Path:
    """Where a process writes before it renames: hidden, and with the suffix that writers of models insist on."""
    return path.with_name(f".{path.name}.{writer}{path.suffix}")


def _alive(process: int) -> bool:
    """Whether a process of this number runs."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True
