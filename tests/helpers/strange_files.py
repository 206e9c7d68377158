"""Model files as SB3 writes them, and what a stranger might put into one."""

from __future__ import annotations

import base64
import io
import json
import pickle
import struct
import zipfile
from pathlib import Path
from typing import Any

import cloudpickle
import numpy as np
import torch
from stable_baselines3.common.save_util import data_to_json

from trm_agents import HindsightTRM, zoo
from trm_agents.common.model_files import read_model
from trm_agents.common.plain_data import decoded

NAME = "upi-trm-sudoku-4x4"
ENV = "SudokuPlanEdit-4x4-v0"
MODULE = "a_module_of_a_stranger"
"""A module on the path that leaves a trace when it is imported."""


class Calling:
    """Unpickled, it calls what it is told to."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.call = function, arguments

    def __reduce__(self) -> Any:
        return self.call


class Named:
    """Pickled as the name of something that need not exist here."""

    def __init__(self, module: str, name: str) -> None:
        self.path = module, name


class _Pickler(pickle._Pickler):
    def save(self, obj: Any, save_persistent_id: bool = True) -> None:
        if isinstance(obj, Named):
            for text in obj.path:
                self.write(pickle.SHORT_BINUNICODE + struct.pack("<B", len(text)) + text.encode())
            self.write(pickle.STACK_GLOBAL)
        else:
            super().save(obj, save_persistent_id)

    def save_reduce(self, func, args, *more: Any, obj: Any = None, **keywords: Any) -> None:
        self.save(func)
        self.save(args)
        self.write(pickle.REDUCE)


def pickled(value: Any) -> dict[str, str]:
    """A pickle as SB3 writes it."""
    return {":type:": "strange", ":serialized:": base64.b64encode(cloudpickle.dumps(value)).decode()}


def spelt(value: Any) -> dict[str, str]:
    """A pickle of lists, `Calling` and `Named`, opcode by opcode."""
    out = io.BytesIO()
    _Pickler(out, 4).dump(value)
    return {":type:": "strange", ":serialized:": base64.b64encode(out.getvalue()).decode()}


def of_sb3() -> dict[str, bytes]:
    """The members of an agent of the zoo as SB3 saves them."""
    path = zoo.path(NAME)
    file = read_model(path)
    with zipfile.ZipFile(path) as archive:
        members = {"benchmark.json": archive.read("benchmark.json")}
    members["data"] = data_to_json(file.data).encode()
    return members | {f"{name}.pth": torch_bytes(state) for name, state in file.states.items()}


def torch_bytes(value: Any) -> bytes:
    out = io.BytesIO()
    torch.save(value, out)
    return out.getvalue()


def of_ours() -> dict[str, bytes]:
    """The members of an agent of the zoo."""
    with zipfile.ZipFile(zoo.path(NAME)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def zipped(path: Path, members: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def hostile(trace: Path) -> dict[str, tuple[dict[str, bytes], str]]:
    """Name -> members of a file that would leave a trace, and what the refusal has to name."""
    import os

    touch, sb3, ours = Calling(os.system, f"touch {trace}"), of_sb3(), of_ours()
    data, plain = json.loads(sb3["data"]), json.loads(ours["data"])
    values = {
        "call": (pickled(touch), "posix.system"),
        "inside": (pickled({"deep": [touch]}), "posix.system"),
        "object-array": (pickled(np.array([touch, None], object)), "posix.system"),
        "function": (pickled(eval("lambda _: open('x')")), "cloudpickle.cloudpickle._"),
        "generator": (spelt(Calling(Named("numpy.random._pickle", "__generator_ctor"), "MT19937",
                                    Named("posix", "system"))), "posix.system"),
        "dotted": (spelt(Calling(Named("numpy", "f2py.os.system"), f"touch {trace}")), "numpy.f2py.os.system"),
        "getattr": (spelt(Calling(Named("builtins", "getattr"), Named("numpy", "dtype"), "x")), "builtins.getattr"),
        "import": (spelt(Named(MODULE, "Thing")), f"{MODULE}.Thing"),
        "constructor": (pickled(Calling(HindsightTRM, "TokenPolicy", f"{MODULE}:Env-v0")), "HindsightTRM"),
        "torch": (pickled(Calling(torch.load, io.BytesIO(b""), None, None)), "torch.serialization.load"),
        "our-function": (pickled(Calling(decoded, {}, {})), "trm_agents.common.plain_data.decoded"),
    }  # fmt: skip
    found = {
        f"{key}-{name}": ({**sb3, "data": json.dumps({**data, key: value}).encode()}, named)
        for name, (value, named) in values.items()
        for key in ("extra", "policy_class", "policy_kwargs", "learning_rate")
        if name == "call" or key == "extra"
    }
    for name in ("policy", "policy.optimizer", "more"):
        content = torch_bytes({"state": touch, "param_groups": []})
        found[f"torch-{name}"] = {**sb3, f"{name}.pth": content}, "posix.system"
    strange = {
        "object": {":object:": "subprocess:Popen", ":state:": {"args": f"touch {trace}"}},
        "class": {":class:": "subprocess:Popen"},
        "function": {":class:": "os:system"},
        "import": {":object:": f"{MODULE}:Thing", ":state:": None},
        "inside": {"a": [{":tuple:": [{":class:": "subprocess:Popen"}]}]},
    }
    for name, value in strange.items():
        path = MODULE if name == "import" else "os.system" if name == "function" else "subprocess.Popen"
        found[f"plain-{name}"] = {**ours, "data": json.dumps({**plain, "extra": value}).encode()}, path
    return found
