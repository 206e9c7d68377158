"""Checksums of published files: `SHA256SUMS` beside them has one line a file, as `sha256sum` writes it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

from trm_agents.common.saving import write_atomically

NAME = "SHA256SUMS"
_SUFFIXES = (".csv", ".jsonl")
_REMEDY = "; restore it, or accept it with `python -m benchmarks results --seal`"


def verify(folder: Path) -> None:
    """Check that the rows in a folder are those that were published; a folder without `SHA256SUMS` has no such list.

    Raises:
        ValueError: a file was changed since, is missing or is not on the list.
    """
    listed = _listed(folder)
    if listed is None:
        return
    files = _files(folder)
    if missing := sorted(set(listed) - set(files)):
        raise ValueError(f"{folder.name}/{missing[0]} is missing, though {NAME} lists it{_REMEDY}")
    for name, path in files.items():
        if name not in listed:
            raise ValueError(f"{folder.name}/{name} is not listed in {NAME}{_REMEDY}")
        if listed[name] != _digest(path):
            raise ValueError(f"{folder.name}/{name} was changed since it was published, says {NAME}{_REMEDY}")


def seal(folder: Path, names: Iterable[str] | None = None) -> Path:
    """Write the checksums of a folder's files.

    Args:
        folder: where the files lie.
        names: files that have changed, where the folder has a list of the others; None for all.
    """
    listed, files = _listed(folder), _files(folder)
    if names is None or listed is None:
        listed, names = {}, files
    # What is no longer there has no checksum.
    known = {name: digest for name, digest in listed.items() if name in files}
    known |= {name: _digest(files[name]) for name in names}
    write_atomically(folder / NAME, "".join(f"{known[name]}  {name}\n" for name in sorted(known)))
    return folder / NAME


def _files(folder: Path) -> dict[str, Path]:
    return {path.name: path for path in sorted(folder.glob("*")) if path.suffix in _SUFFIXES}


def _listed(folder: Path) -> dict[str, str] | None:
    """SHA-256 by the names of files; None where there is no list."""
    path = folder / NAME
    if not path.exists():
        return None
    found = {}
    for number, line in enumerate(path.read_bytes().decode(errors="replace").splitlines(), 1):
        digest, separator, name = line.partition("  ")
        if not separator or len(digest) != 64:
            raise ValueError(f"{folder.name}/{NAME}, line {number} is no line of sha256sum")
        found[name] = digest
    return found


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
