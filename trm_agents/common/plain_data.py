"""Attributes of models as JSON and arrays, and back: no pickle, and no constructor of a class that a file names.

JSON holds what it can as it is. The rest are objects with one key in colons that says what they are: `:array:` names an
array beside the JSON, `:object:` a class whose object is rebuilt from its state.
"""

from __future__ import annotations

import base64
from collections import deque
from collections.abc import Mapping
from math import isfinite
from typing import Any

import numpy as np
import torch
from gymnasium.spaces import Space
from numpy.typing import NDArray

from trm_agents.common.trusted import UntrustedError, built_class, named_class, path_of

Arrays = dict[str, NDArray[Any]]
GENERATORS = {kind.__name__: kind for kind in (np.random.PCG64, np.random.PCG64DXSM, np.random.MT19937,
                                               np.random.Philox, np.random.SFC64)}  # fmt: skip


class NoDataError(TypeError):
    """A value that cannot be written as data, a function for one."""


def encoded(value: Any, arrays: Arrays, name: str) -> Any:
    """A value as JSON.

    Args:
        value: what is to be written.
        arrays: takes the arrays of the value; any shape, numbers or truth values.
        name: what its arrays are called there, and parts of it with a suffix.

    Raises:
        NoDataError: something in it is no data.
    """
    if value is None or type(value) in (bool, int, str):
        return value
    if type(value) is float:
        return value if isfinite(value) else {":float:": repr(value)}
    if type(value) is list:
        return _all(value, arrays, name)
    if type(value) is tuple:
        return {":tuple:": _all(value, arrays, name)}
    if isinstance(value, dict):
        return _encoded_dict(value, arrays, name)
    for kind, mark, encode in _KINDS:
        if isinstance(value, kind):
            return {mark: encode(value, arrays, name)}
    return _encoded_object(value, arrays, name)


def _all(values: Any, arrays: Arrays, name: str) -> list[Any]:
    return [encoded(value, arrays, f"{name}.{place}") for place, value in enumerate(values)]


def _encoded_dict(value: dict[Any, Any], arrays: Arrays, name: str) -> dict[str, Any]:
    if all(isinstance(key, str) and not key.startswith(":") for key in value):
        return {key: encoded(one, arrays, f"{name}.{key}") for key, one in value.items()}
    return {":dict:": [_all(pair, arrays, f"{name}.{place}") for place, pair in enumerate(value.items())]}


def _encoded_array(value: NDArray[Any], arrays: Arrays, name: str) -> str:
    if value.dtype.kind not in "biuf":
        raise NoDataError(f"an array of {value.dtype}")
    arrays[name] = np.ascontiguousarray(value).reshape(value.shape)
    return name


def _encoded_tensor(value: torch.Tensor, arrays: Arrays, name: str) -> str:
    try:
        return _encoded_array(value.detach().cpu().numpy(), arrays, name)
    except TypeError:
        raise NoDataError(f"a tensor of {value.dtype}") from None


def _encoded_class(value: type, arrays: Arrays, name: str) -> str:
    try:
        if named_class(path_of(value)) is value:
            return path_of(value)
    except UntrustedError:
        pass
    raise NoDataError(f"the class {value.__qualname__}")


def _encoded_number(value: np.generic, arrays: Arrays, name: str) -> list[Any]:
    if value.dtype.kind not in "biuf":
        raise NoDataError(f"a {value.dtype}")
    return [value.dtype.name, encoded(value.item(), arrays, name)]


def _encoded_generator(value: np.random.Generator, arrays: Arrays, name: str) -> Any:
    state: Any = value.bit_generator.state
    if state["bit_generator"] not in GENERATORS:
        raise NoDataError(f"a generator of {state['bit_generator']}")
    return encoded(state, arrays, name)


def _encoded_object(value: Any, arrays: Arrays, name: str) -> dict[str, Any]:
    cls: Any = type(value)
    path = path_of(cls)
    try:
        known = built_class(path) is cls
    except UntrustedError:
        known = False
    if not known or cls.__reduce_ex__ is not object.__reduce_ex__ or cls.__reduce__ is not object.__reduce__:
        raise NoDataError(f"a {cls.__qualname__}")
    if isinstance(value, tuple):
        return {":object:": path, ":items:": _all(value, arrays, name)}
    state: Any = value.__getstate__()
    if isinstance(value, Space):
        # Whoever loads a model seeds its spaces.
        state = {**state, "_np_random": None}
    elif not isinstance(state, dict | None):
        raise NoDataError(f"a {cls.__qualname__} with slots")
    return {":object:": path, ":state:": encoded(state, arrays, name)}


_KINDS: tuple[tuple[type, str, Any], ...] = (
    (np.ndarray, ":array:", _encoded_array),
    (torch.Tensor, ":tensor:", _encoded_tensor),
    (np.generic, ":number:", _encoded_number),
    (np.dtype, ":dtype:", lambda value, *_: value.str),
    (np.random.Generator, ":generator:", _encoded_generator),
    (bytes, ":bytes:", lambda value, *_: base64.b64encode(value).decode()),
    (deque, ":deque:", lambda value, arrays, name: [value.maxlen, _all(value, arrays, name)]),
    (type, ":class:", _encoded_class),
)
"""Kind of a value -> its mark in JSON and what stands there."""


def decoded(value: Any, arrays: Mapping[str, NDArray[Any]]) -> Any:
    """The value that `encoded` wrote.

    Raises:
        UntrustedError: it names a class that no file may.
        ValueError, LookupError, TypeError: it was not written by `encoded`.
    """
    if isinstance(value, list):
        return [decoded(one, arrays) for one in value]
    if not isinstance(value, dict):
        return value
    mark = next(iter(value), "")
    if not mark.startswith(":"):
        return {key: decoded(one, arrays) for key, one in value.items()}
    if mark == ":object:":
        return _decoded_object(value, arrays)
    if mark not in _DECODERS:
        raise ValueError(f"{mark!r} is no mark of plain data")
    return _DECODERS[mark](value[mark], arrays)


def _decoded_object(value: dict[str, Any], arrays: Mapping[str, NDArray[Any]]) -> Any:
    cls: Any = built_class(value[":object:"])
    if ":items:" in value:
        return cls._make(decoded(value[":items:"], arrays))
    made, state = cls.__new__(cls), decoded(value[":state:"], arrays)
    if hasattr(made, "__setstate__"):
        made.__setstate__(state)
    elif state is not None:
        # As pickle does it: the attributes of frozen dataclasses too.
        vars(made).update(state)
    return made


def _decoded_number(value: list[Any], arrays: Mapping[str, NDArray[Any]]) -> np.generic:
    number: Any = np.array(decoded(value[1], arrays), np.dtype(value[0]))
    made: np.generic = number[()]
    return made


def _decoded_generator(value: Any, arrays: Mapping[str, NDArray[Any]]) -> np.random.Generator:
    state = decoded(value, arrays)
    bits = GENERATORS[state["bit_generator"]]()
    bits.state = state
    return np.random.Generator(bits)


_DECODERS: dict[str, Any] = {
    ":float:": lambda value, _: float(value),
    ":tuple:": lambda value, arrays: tuple(decoded(value, arrays)),
    ":dict:": lambda value, arrays: {decoded(key, arrays): decoded(one, arrays) for key, one in value},
    ":array:": lambda value, arrays: arrays[value].copy(),
    ":tensor:": lambda value, arrays: torch.from_numpy(arrays[value].copy()),
    ":number:": _decoded_number,
    ":dtype:": lambda value, _: np.dtype(value),
    ":generator:": _decoded_generator,
    ":bytes:": lambda value, _: base64.b64decode(value),
    ":deque:": lambda value, arrays: deque(decoded(value[1], arrays), value[0]),
    ":class:": lambda value, _: named_class(value),
}
