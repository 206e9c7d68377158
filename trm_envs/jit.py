"""The decorator of all jitted kernels: compiled code is cached on disk where there is a place for it."""

from __future__ import annotations

import ast
import hashlib
import inspect
import sys
import sysconfig
import warnings
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from numba import njit

Function = TypeVar("Function", bound=Callable[..., Any])
_INSTALLED = [Path(sysconfig.get_path(kind)).resolve() for kind in ("stdlib", "platstdlib", "purelib", "platlib")]
"""Folders whose packages change with their version alone."""


def kernel(**flags: Any) -> Callable[[Function], Function]:
    """Decorate a function with `numba.njit`, cached on disk where possible and else compiled anew in each process.

    numba asks whether the function's own file has changed. Constants and kernels of other files are compiled in as
    well, so that here the files that it imports, and those that they import, are asked too.

    Args:
        **flags: compile flags of `numba.njit`, such as `fastmath`; without `cache`.

    Warns:
        RuntimeWarning: once a process, where no folder for the cache can be written.
    """

    def compiled(function: Function) -> Function:
        try:
            cached: Any = njit(cache=True, **flags)(function)
        except RuntimeError as error:
            # numba looks for a folder when it decorates, and says so in these words where there is none.
            if not str(error).startswith("cannot cache"):
                raise
            _warn()
            uncached: Function = njit(**flags)(function)
            return uncached
        index = cached._cache._cache_file
        index._source_stamp = (index._source_stamp, imported_stamp(function))
        out: Function = cached
        return out

    return compiled


def imported_stamp(function: Callable[..., Any]) -> str:
    """SHA-256 of all files that a function's file imports, directly or not; those of installed packages left out.

    Files of the function's own package and of this one count though they be installed. A prompt or an archive is no
    file, so that nothing of it is asked.
    """
    own = Path(inspect.getfile(function))
    digest = hashlib.sha256()
    for path in sorted(_reachable(own, function.__module__) - {own}) if own.is_file() else ():
        digest.update(hashlib.sha256(_content(path)).digest())
    return digest.hexdigest()


def _reachable(file: Path, module: str) -> set[Path]:
    """Files that a file imports at its top level, directly or not, and the file itself."""
    package, found, waiting = module.partition(".")[0], {file}, [(file, module)]
    while waiting:
        new = {(path, name) for name in _imports(*waiting.pop()) if (path := _source(name, package)) is not None}
        waiting += [entry for entry in sorted(new) if entry[0] not in found]
        found |= {path for path, _ in new}
    return found


@cache
def _imports(file: Path, module: str) -> tuple[str, ...]:
    """Names that a file's top level imports, which may be modules."""
    return tuple(_named(ast.parse(_content(file)), module, file.name == "__init__.py"))


def _named(tree: ast.Module, module: str, is_package: bool) -> Iterator[str]:
    for statement in _statements(tree.body):
        if isinstance(statement, ast.Import):
            yield from (alias.name for alias in statement.names)
        elif isinstance(statement, ast.ImportFrom):
            parents = module.split(".")[: None if is_package and statement.level == 1 else -statement.level or None]
            base = ".".join([*(parents if statement.level else []), *filter(None, [statement.module])])
            yield base
            yield from (f"{base}.{alias.name}" for alias in statement.names)


def _statements(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Statements that run when a file is imported; those for type checkers alone do not."""
    for statement in body:
        yield statement
        told = ast.unparse(statement.test) if isinstance(statement, ast.If) else ""
        if isinstance(statement, (ast.Try, ast.If, ast.With)) and "TYPE_CHECKING" not in told:
            for name in ("body", "orelse", "finalbody"):
                yield from _statements(getattr(statement, name, []))
            for handler in getattr(statement, "handlers", []):
                yield from _statements(handler.body)


def _source(name: str, package: str) -> Path | None:
    """The file of a loaded module; None for built-in ones and for those of other installed packages."""
    file = getattr(sys.modules.get(name), "__file__", None)
    if file is None or not file.endswith(".py"):
        return None
    ours = name.partition(".")[0] in (package, __name__.partition(".")[0])
    installed = any(Path(file).resolve().is_relative_to(folder) for folder in _INSTALLED)
    return Path(file) if ours or not installed else None


@cache
def _content(path: Path) -> bytes:
    return path.read_bytes()


@cache
def _warn() -> None:
    """Say once that nothing is cached."""
    warnings.warn(
        "numba finds no folder to cache compiled kernels in, so that every process compiles them again: set "
        "NUMBA_CACHE_DIR to a folder that can be written",
        RuntimeWarning,
        stacklevel=3,
    )
