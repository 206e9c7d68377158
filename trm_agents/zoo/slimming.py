"""Slim model files: what a saved model needs to predict, and nothing of its training."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from trm_agents.common.files import readable
from trm_agents.common.model_files import NOTHING, content_of, read_model
from trm_agents.zoo.algorithms import algorithm_of

NEEDED = ("policy_class", "observation_space", "action_space", "num_timesteps")
"""What SB3's `load` asks for beside the constructor's keywords."""
_OF_THE_USER = ("policy", "env", "seed", "device", "verbose", "tensorboard_log", "_init_setup_model")
"""Whoever loads the model decides on these."""


def slim(source: Path) -> bytes:
    """The content of a slim copy of a saved agent, which `zoo.load` reads, and `load(file, env=env)` of ours.

    It holds the hyperparameters, the spaces and the weights of the policy (of every snapshot, where an exact mixture
    is deployed). It holds no optimiser state, rollout, generator or environment state, and no pickled MDP: the
    environment brings it along. The same model gives the same bytes.

    Raises:
        ValueError: the file is damaged or no saved model, or one of another algorithm.
    """
    try:
        with readable(source):
            data, parameters, left_out = read_model(source)
    except (AssertionError, AttributeError, ImportError, TypeError, ValueError) as error:
        # A name stands in messages of this package.
        raise ValueError(str(error) if source.name in str(error) else f"{source.name}: {error}") from error
    if not isinstance(data.get("policy_class"), type) or not {"policy", "policy.optimizer"} <= parameters.keys():
        raise ValueError(f"{source.name} is not a saved model: it does not say which policy it is of")
    algorithm = algorithm_of(source)
    names = [name for name in inspect.signature(algorithm).parameters if name not in _OF_THE_USER]
    missing = {name: what for name, what in left_out.items() if name in names}
    return packed({name: data[name] for name in (*NEEDED, *names) if name in data}, parameters, missing)


def packed(data: dict[str, Any], parameters: dict[str, Any], left_out: Mapping[str, str] = NOTHING) -> bytes:
    """The content of a slim file.

    Args:
        data: attributes of the model.
        parameters: state dicts by name; the optimiser's is emptied.
        left_out: hyperparameters that the file lacks, as they are no data, and what they were.
    """
    states = dict(parameters)
    states["policy.optimizer"] = {**states["policy.optimizer"], "state": {}}
    return content_of({**data, "verbose": 0}, states, left_out)
