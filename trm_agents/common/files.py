"""What a model file is loaded with, damaged model files, and those of earlier versions."""

from __future__ import annotations

import inspect
import json
import pickle
import struct
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

FIXED_AT_LOAD = {"self", "policy", "env", "device", "_init_setup_model"}
"""Keywords of constructors that the file, or an argument of `load` itself, decides on."""

UNREADABLE = (EOFError, LookupError, RuntimeError, pickle.UnpicklingError, struct.error, zipfile.BadZipFile, zlib.error)
"""What zipfile and torch raise at files that are damaged, or made by hand, beside a ValueError or an OSError."""
MISMADE = (*UNREADABLE, AssertionError, AttributeError, OverflowError, TypeError)
"""What a model raises that is set up with attributes that no model has."""
LARGEST_UNPACKED = 4 * 2**30
"""Bytes of all members of a model file together: a small zip may unpack to more than a disk holds."""


def hyperparameters(classes: Iterable[type]) -> set[str]:
    """Names of what an algorithm and its bases, whose constructors name it, can be loaded with."""
    parameters = [p for cls in classes for p in inspect.signature(cls.__init__).parameters.values()]  # type: ignore[misc]
    kinds = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    return {parameter.name for parameter in parameters if parameter.kind in kinds} - FIXED_AT_LOAD


def refuse_left_out(path: Any, left_out: Mapping[str, str], classes: Iterable[type], keywords: Iterable[str]) -> None:
    """Check that the hyperparameters that a file left out, as they were no data, are given as keywords.

    Raises:
        ValueError: one is not.
    """
    missing = sorted(left_out.keys() & hyperparameters(classes) - set(keywords))
    if missing:
        whats = ", ".join(f"{name} was {left_out[name]}" for name in missing)
        raise ValueError(f"{named(path)} holds data alone, and {whats}: load it with {missing[0]}=...")


def module_told(described: Any) -> str:
    """The module of a class, as the JSON of a model file tells it; empty where it tells none."""
    told = described if isinstance(described, dict) else {}
    return str(told.get("__module__") or told.get(":class:") or "").partition(":")[0]


def refuse_unknown_keywords(classes: Iterable[type], keywords: Iterable[str]) -> None:
    """Check that what a model is loaded with are hyperparameters of it.

    Args:
        classes: the algorithm and its bases, whose constructors name the hyperparameters.
        keywords: what `load` was given.

    Raises:
        ValueError: one is none.
    """
    known = hyperparameters(classes)
    unknown = sorted(set(keywords) - known)
    if unknown:
        raise ValueError(
            f"load takes no keyword {', '.join(unknown)}: choose among {', '.join(sorted(known))}, or set attributes "
            "of the loaded model"
        )


def is_old(data: dict[str, Any]) -> bool:
    """Whether the settings in a model file are those of version 0.1, where one class had both algorithms."""
    return "target" in data and "conservative" in data


@contextmanager
def readable(path: Any, keywords: Iterable[str] = ()) -> Iterator[None]:
    """Around what loads a model: says which file is damaged, or of an earlier version, or whom keywords do not fit.

    Args:
        path: a name, with or without `.zip`, or an open file.
        keywords: names of what the model is loaded with.

    Raises:
        ValueError: the file cannot be loaded, or not with these keywords.
    """
    refuse_damaged(path)
    refuse_old_files(path)
    try:
        yield
    except MISMADE as error:
        if "state_dict" in str(error) and keywords:
            raise ValueError(
                f"the file's network does not fit the keywords {', '.join(keywords)}: load without those that shape "
                "the network, or train a new model with them"
            ) from error
        raise ValueError(f"{named(path)} cannot be loaded ({type(error).__name__}: {error})") from error
    except ValueError as error:
        # Errors of ours say more by their class.
        if type(error) is not ValueError or named(path) in str(error):
            raise
        raise ValueError(f"{named(path)}: {error}") from error


def refuse_damaged(path: Any) -> None:
    """Check every member of a model's zip against its checksum; whoever loads a file that is missing says so.

    Args:
        path: a name, with or without `.zip`, or an open file.

    Raises:
        ValueError: the file is no zip, or was cut off or changed since it was written.
    """
    file = located(path)
    if isinstance(file, Path) and not file.exists():
        return
    with opened_zip(file) as archive:
        broken = archive.testzip()
        if broken is not None:
            raise ValueError(f"{named(file)} is damaged: its member {broken!r} has another checksum")
        # One that was cut off may show the zip of a network that it held.
        if "data" not in archive.namelist():
            raise ValueError(f"{named(file)} is damaged, or no saved model: it has no member 'data'")


def read_members(path: Path, *names: str) -> dict[str, bytes]:
    """The members of a zip, those of `names` that it has.

    Raises:
        ValueError: the file is no zip, or a member cannot be read.
    """
    with opened_zip(path) as archive:
        return {name: archive.read(name) for name in names if name in archive.namelist()}


def refuse_old_files(path: Any) -> None:
    """Check that a file is not one of version 0.1.

    Raises:
        ValueError: it is, and cannot be loaded before it is converted.
    """
    try:
        with opened_zip(located(path)) as archive:
            data = json.loads(archive.read("data"))
    except (OSError, ValueError):
        return  # Whoever loads it says what is wrong.
    if isinstance(data, dict) and is_old(data):
        raise ValueError(
            "this model was saved by version 0.1, where UPITRM and HindsightTRM were one class: convert it with "
            "`python -m trm_agents.zoo.conversion OLD.zip NEW.zip`, which keeps its weights and settings"
        )


def located(path: Any) -> Any:
    """The file that a name means, which may lack its suffix; an open file as it is."""
    file = Path(path) if isinstance(path, str) else path
    if isinstance(file, Path) and not file.exists() and file.suffix != ".zip":
        file = file.with_name(file.name + ".zip")
    return file


def named(file: Any) -> str:
    """What messages call a file."""
    return str(file) if isinstance(file, (str, Path)) else str(getattr(file, "name", "the file"))


@contextmanager
def opened_zip(file: Any) -> Iterator[zipfile.ZipFile]:
    """A zip that says of itself when it cannot be read; an open file is at its begin again afterwards."""
    try:
        with zipfile.ZipFile(file) as archive:
            unpacked = sum(member.file_size for member in archive.infolist())
            if unpacked > LARGEST_UNPACKED:
                raise ValueError(
                    f"{named(file)} would unpack to {unpacked / 2**30:,.0f} GiB, and a model file has "
                    f"{LARGEST_UNPACKED // 2**30} at most: it is no saved model"
                )
            yield archive
    except UNREADABLE as error:
        raise ValueError(
            f"{named(file)} is not a zip file, or a damaged one, so it is not a saved model: {error}"
        ) from error
    except OSError as error:
        if error.filename is not None:
            raise
        raise ValueError(f"{named(file)} is damaged: {error}") from error
    finally:
        if not isinstance(file, Path):
            file.seek(0)
