"""What a model file is loaded with, and model files of earlier versions."""

from __future__ import annotations

import inspect
import json
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

FIXED_AT_LOAD = {"self", "policy", "env", "device", "_init_setup_model"}
"""Keywords of constructors that the file, or an argument of `load` itself, decides on."""


def refuse_unknown_keywords(classes: Iterable[type], keywords: Iterable[str]) -> None:
    """Check that what a model is loaded with are hyperparameters of it.

    Args:
        classes: the algorithm and its bases, whose constructors name the hyperparameters.
        keywords: what `load` was given.

    Raises:
        ValueError: one is none.
    """
    parameters = [p for cls in classes for p in inspect.signature(cls.__init__).parameters.values()]  # type: ignore[misc]
    named = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    known = {parameter.name for parameter in parameters if parameter.kind in named} - FIXED_AT_LOAD
    unknown = sorted(set(keywords) - known)
    if unknown:
        raise ValueError(
            f"load takes no keyword {', '.join(unknown)}: choose among {', '.join(sorted(known))}, or set attributes "
            "of the loaded model"
        )


def is_old(data: dict[str, Any]) -> bool:
    """Whether the settings in a model file are those of version 0.1, where one class had both algorithms."""
    return "target" in data and "conservative" in data


def refuse_old_files(path: Any) -> None:
    """Check that a file is not one of version 0.1.

    Raises:
        ValueError: it is, and cannot be loaded before it is converted.
    """
    file = Path(path) if isinstance(path, str) else path
    if isinstance(file, Path) and not file.exists():
        file = file.with_name(file.name + ".zip")
    try:
        with zipfile.ZipFile(file) as archive:
            data = json.loads(archive.read("data"))
    except (OSError, KeyError, ValueError, zipfile.BadZipFile):
        return  # SB3 says what is wrong.
    finally:
        if not isinstance(file, Path):
            file.seek(0)
    if is_old(data):
        raise ValueError(
            "this model was saved by version 0.1, where UPITRM and HindsightTRM were one class: convert it with "
            "`python -m trm_agents.zoo.conversion OLD.zip NEW.zip`, which keeps its weights and settings"
        )
