"""Model files: what our algorithms write, JSON and safetensors, and what SB3 writes, read without trusting it."""

from __future__ import annotations

import base64
import io
import json
import pickle
import re
import warnings
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import safetensors
import safetensors.numpy
import stable_baselines3
import torch
from stable_baselines3.common.base_class import BaseAlgorithm

from trm_agents.common.files import located, named, opened_zip
from trm_agents.common.pickles import unpickled
from trm_agents.common.plain_data import Arrays, NoDataError, decoded, encoded
from trm_agents.common.trusted import UntrustedError
from trm_agents.recursion import Cells, ExactCover

TENSORS = "tensors.safetensors"
"""Member that files of our own format have, and others have not."""
STATES, LEFT_OUT = "states", "left_out"
NOTHING: Mapping[str, str] = MappingProxyType({})


class ModelFile(NamedTuple):
    """What a model file holds."""

    data: dict[str, Any]
    """Attributes of the model."""
    states: dict[str, Any]
    """State dicts by name: `policy`, `policy.optimizer`."""
    left_out: dict[str, str]
    """Attributes that are no data, and what they were."""

    def completed(self, keywords: Mapping[str, Any]) -> ModelFile:
        """With the keywords in place of what was left out."""
        given = {name: keywords[name] for name in self.left_out if name in keywords}
        return self._replace(data=self.data | given)


def content_of(data: Mapping[str, Any], states: Mapping[str, Any], left_out: Mapping[str, str] = NOTHING) -> bytes:
    """The content of a model file. The same model gives the same bytes.

    Attributes that are no data, a schedule of the user's own for one, are left out with a UserWarning.

    Args:
        data: attributes of the model.
        states: state dicts by name.
        left_out: what is missing in the data already, and what it was.
    """
    arrays: Arrays = {}
    written, problems = {}, {}
    for key, value in data.items():
        own: Arrays = {}
        try:
            written[key] = encoded(value, own, key)
            arrays |= own
        except (NoDataError, RecursionError) as error:
            problems[key] = str(error)
    if problems:
        whats = ", ".join(f"{key} ({what})" for key, what in problems.items())
        text = f"a model file holds data alone, so it leaves out {whats}: whoever loads it passes that again"
        warnings.warn(text, UserWarning, stacklevel=5)
    parameters = encoded(dict(states), arrays, "state")
    missing = {**left_out, **problems}
    members = {"data": written, STATES: parameters} | ({LEFT_OUT: missing} if missing else {})
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, value in members.items():
            _write(archive, name, json.dumps(value, indent=1).encode())
        _write(archive, TENSORS, safetensors.numpy.save(arrays))
        _write(archive, "_stable_baselines3_version", stable_baselines3.__version__.encode())
    return out.getvalue()


def _write(archive: zipfile.ZipFile, name: str, content: bytes) -> None:
    # A ZipInfo made by hand has no time of writing.
    archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED, 1)


def read_model(path: Any, trust: bool = False, replaced: Iterable[str] = ()) -> ModelFile:
    """Read a model file of ours, or one that SB3 wrote.

    Args:
        path: a name, with or without `.zip`, or an open file.
        trust: load the pickles of SB3's files as SB3 does, which runs whatever they say.
        replaced: attributes that are not read.

    Raises:
        UntrustedError: the file names a class that is not on the list (`trm_agents.common.trusted`); nothing of it ran.
        ValueError: the file is damaged.
    """
    file = located(path)
    try:
        with opened_zip(file) as archive:
            members = {name: archive.read(name) for name in archive.namelist()}
        data = json.loads(members["data"])
        if not isinstance(data, dict):
            raise ValueError("its member 'data' is no JSON object")
        kept = {key: value for key, value in data.items() if key not in set(replaced)}
        nothing = dict.fromkeys(data.keys() - kept.keys())
        if TENSORS not in members:
            return ModelFile(_with_core(_of_sb3(kept, trust)) | nothing, _states_of_sb3(members), {})
        arrays = safetensors.numpy.load(members[TENSORS])
        states = decoded(json.loads(members[STATES]), arrays)
        return ModelFile(_with_core(decoded(kept, arrays)) | nothing, states, json.loads(members.get(LEFT_OUT, b"{}")))
    except UntrustedError as error:
        raise UntrustedError(
            f"{named(path)} names {error}, which is not among what a model file may hold, so it was not opened and "
            "nothing in it ran: import the module of your own class first, or, if you know who made the file, open it "
            "with --trust (trust=True in Python), which runs what the file says"
        ) from None
    except (AttributeError, KeyError, TypeError, safetensors.SafetensorError) as error:
        raise ValueError(f"{named(path)} is damaged, or no saved model ({type(error).__name__}: {error})") from error


def _with_core(data: dict[str, Any]) -> dict[str, Any]:
    """With `core=Cells()` where a file is of the time when that was `tokens="cells"`.

    Raises:
        ValueError: its cells had another core than the exact-cover one.
    """
    kwargs = data.get("policy_kwargs")
    if not isinstance(kwargs, dict) or "tokens" not in kwargs:
        return data
    kept = {key: value for key, value in kwargs.items() if key != "tokens"}
    if kwargs["tokens"] == "cells":
        if not isinstance(kept.get("core", ExactCover()), ExactCover):
            raise ValueError(
                f"tokens='cells' with core={kept['core']!r} no longer exists: train anew with core=Cells()"
            )
        kept["core"] = Cells()
    return data | {"policy_kwargs": kept}


def _of_sb3(data: dict[str, Any], trust: bool) -> dict[str, Any]:
    """Attributes as SB3 writes them: JSON, and pickles in base64."""
    return {key: _attribute(value, trust) for key, value in data.items()}


def _attribute(value: Any, trust: bool) -> Any:
    if not isinstance(value, dict) or ":serialized:" not in value:
        return value
    content = base64.b64decode(value[":serialized:"])
    return pickle.loads(content) if trust else unpickled(content)


def _states_of_sb3(members: Mapping[str, bytes]) -> dict[str, Any]:
    """State dicts as SB3 writes them: torch reads them as data alone."""
    return {name.removesuffix(".pth"): _of_torch(content) for name, content in members.items() if name.endswith(".pth")}


def _of_torch(content: bytes) -> Any:
    try:
        return torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        found = re.search(r"GLOBAL ([\w.]+)|unsupported class ([\w.]+)|function ([\w.]+)", str(error))
        if found is None:
            raise
        raise UntrustedError(next(filter(None, found.groups()))) from None


def as_sb3(file: ModelFile) -> tuple[io.BytesIO, dict[str, Any]]:
    """What SB3's `load(file, custom_objects=objects)` takes in place of a path, so that it unpickles nothing."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("data", json.dumps(dict.fromkeys(file.data)))
        for name, state in file.states.items():
            with archive.open(f"{name}.pth", "w", force_zip64=True) as member:
                torch.save(state, member)
    out.seek(0)
    return out, file.data


def load_sb3(algorithm: type[BaseAlgorithm], path: str | Path, *, trust: bool, **keywords: Any) -> BaseAlgorithm:
    """`algorithm.load(path, **keywords)` for a file that may be a stranger's.

    Raises:
        ValueError: see `read_model`.
    """
    file, objects = as_sb3(read_model(path, trust))
    return algorithm.load(file, custom_objects=objects, **keywords)
