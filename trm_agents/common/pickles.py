"""Pickles that model files of SB3 hold, read without running what is not on a list."""

from __future__ import annotations

import io
import pickle
from collections import OrderedDict, deque
from typing import Any, ClassVar

import numpy as np
from numpy._core import multiarray, numeric
from numpy.random import bit_generator as bits
from stable_baselines3.common.type_aliases import TrainFrequencyUnit

from trm_agents.common.plain_data import GENERATORS
from trm_agents.common.trusted import UntrustedError, built_class, named_class, path_of


def _bit_generator(kind: Any = "MT19937") -> np.random.BitGenerator:
    return GENERATORS[kind if isinstance(kind, str) else kind.__name__]()


def _generator(kind: Any = "MT19937", *_: Any) -> np.random.Generator:
    """What numpy calls with another function to call beside: that one is not called here."""
    return np.random.Generator(kind if isinstance(kind, np.random.BitGenerator) else _bit_generator(kind))


def _seed_sequence(kind: Any, *state: Any) -> Any:
    if kind is not bits.SeedSequence:
        raise UntrustedError(path_of(kind))
    return vars(bits)["__pyx_unpickle_SeedSequence"](kind, *state)


CALLED: dict[str, Any] = {
    "numpy._core.multiarray:_reconstruct": vars(multiarray)["_reconstruct"],
    "numpy._core.multiarray:scalar": vars(multiarray)["scalar"],
    "numpy._core.numeric:_frombuffer": vars(numeric)["_frombuffer"],
    "numpy:dtype": np.dtype,
    "numpy.random._pickle:__generator_ctor": _generator,
    "numpy.random._pickle:__bit_generator_ctor": _bit_generator,
    "numpy.random.bit_generator:__pyx_unpickle_SeedSequence": _seed_sequence,
    "collections:deque": deque,
    "collections:OrderedDict": OrderedDict,
    "stable_baselines3.common.type_aliases:TrainFrequencyUnit": TrainFrequencyUnit,
}
"""What a pickle may call; whatever else it names is a class whose object is rebuilt from its state, or a value."""
NAMED: dict[str, Any] = {
    "numpy:ndarray": np.ndarray,
    "numpy.random.bit_generator:SeedSequence": bits.SeedSequence,
    **{path_of(kind): kind for kind in GENERATORS.values()},
}
"""What a pickle may name beside."""

_WITH_STATE = (np.ndarray, np.dtype, np.random.BitGenerator, bits.SeedSequence, np.random.Generator, deque, OrderedDict)
"""Objects that a pickle may give a state, beside those that it builds."""


class _Reader(pickle._Unpickler):
    """The interpreter of pickles, whose every way to call something asks the list first."""

    dispatch: ClassVar[dict[int, Any]] = dict(pickle._Unpickler.dispatch)
    stack: list[Any]

    def find_class(self, module: str, name: str) -> Any:
        path = f"{module.replace('numpy.core', 'numpy._core')}:{name}"
        return CALLED.get(path) or NAMED.get(path) or named_class(path)

    def _instantiate(self, kind: Any, arguments: Any) -> None:
        raise UntrustedError(_name_of(kind))

    def load_reduce(self) -> None:
        function = self.stack[-2]
        if not any(function is one for one in CALLED.values()):
            raise UntrustedError(_name_of(function))
        super().load_reduce()  # type: ignore[misc]

    def load_newobj(self) -> None:
        _check_built(self.stack[-2])
        super().load_newobj()  # type: ignore[misc]

    def load_newobj_ex(self) -> None:
        _check_built(self.stack[-3])
        super().load_newobj_ex()  # type: ignore[misc]

    def load_build(self) -> None:
        # A state that is set on a class or a function would change it for everybody.
        if not isinstance(self.stack[-2], _WITH_STATE):
            built_class(path_of(type(self.stack[-2])))
        super().load_build()  # type: ignore[misc]

    dispatch[pickle.REDUCE[0]] = load_reduce
    dispatch[pickle.NEWOBJ[0]] = load_newobj
    dispatch[pickle.NEWOBJ_EX[0]] = load_newobj_ex
    dispatch[pickle.BUILD[0]] = load_build


def _check_built(kind: Any) -> None:
    if not isinstance(kind, type):
        raise UntrustedError(_name_of(kind))
    built_class(path_of(kind))


def _name_of(thing: Any) -> str:
    return f"{getattr(thing, '__module__', '')}.{getattr(thing, '__qualname__', thing)}"


def unpickled(content: bytes) -> Any:
    """The object of a pickle.

    Raises:
        UntrustedError: it names or calls what is not on the list; nothing of that has run.
    """
    return _Reader(io.BytesIO(content)).load()
