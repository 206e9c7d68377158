"""Model files of earlier versions."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any


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
