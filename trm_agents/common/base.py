"""What all of our algorithms share as SB3 algorithms: how they are set up, checked, logged, loaded."""

from __future__ import annotations

import io
import pathlib
import sys
import time
from abc import abstractmethod
from collections import deque
from collections.abc import Iterable
from types import SimpleNamespace
from typing import Any, ClassVar, TypeVar

import numpy as np
import torch
from gymnasium.vector import VectorEnv
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.policies import BasePolicy
from stable_baselines3.common.type_aliases import GymEnv, Schedule
from stable_baselines3.common.utils import get_system_info, safe_mean
from stable_baselines3.common.vec_env import VecEnv, VecMonitor

from trm_agents.common.files import readable, refuse_left_out, refuse_unknown_keywords
from trm_agents.common.hyperparameters import make_plain, not_true_or_false, refuse, wrong_for_all
from trm_agents.common.model_files import as_sb3, content_of, read_model
from trm_agents.common.saving import write_model
from trm_agents.common.vec_env import VectorEnvAdapter

SelfTRM = TypeVar("SelfTRM", bound="TRMAlgorithm")


class TRMAlgorithm(BaseAlgorithm):
    """An SB3 algorithm that checks what it is given, and whose saves hold all that training depends on."""

    rng: np.random.Generator
    """Draws whatever training leaves to chance."""
    trains: ClassVar[tuple[type[BasePolicy], ...]]
    """Which policies it can train, with classes that derive from them."""

    def __init__(self, policy: Any, env: Any, learning_rate: float | Schedule, **sb3: Any) -> None:
        refuse(list(wrong_for_all(SimpleNamespace(**sb3))))
        super().__init__(policy, env, learning_rate, **sb3)

    @abstractmethod
    def _all_problems(self) -> Iterable[str]:
        """What is wrong with the hyperparameters, in words that name the value and the remedy."""

    @abstractmethod
    def _observation_problems(self, env: VecEnv | None) -> Iterable[str]:
        """Why the policy cannot read the observations of an environment, in words that name the remedy."""

    def _continue_episodes(self) -> None:
        """Get ready to go on with the episodes of a file; an algorithm that steps no environment has none."""

    @abstractmethod
    def _constructor_keywords(self) -> dict[str, Any]:
        """What the policy's constructor takes, beside spaces, learning rate and `policy_kwargs`."""

    def _setup_model(self) -> None:
        if not issubclass(self.policy_class, self.trains):
            known = ", ".join(self.policy_aliases)
            raise ValueError(
                f"{type(self).__name__} has no {self.policy_class.__name__}: choose among {known}, and load a file "
                "with the algorithm that saved it"
            )
        # What was given at load has not been looked at yet.
        shared = SimpleNamespace(verbose=self.verbose, stats_window_size=self._stats_window_size, seed=self.seed)
        refuse([*wrong_for_all(shared), *not_true_or_false(self), *self._all_problems()])
        make_plain(self)
        # A loaded model keeps its own random state; only a new one starts afresh.
        self.set_random_seed(self.seed)
        if not hasattr(self, "rng"):
            self.rng = np.random.default_rng(self.seed)
        self._setup_lr_schedule()
        self.policy = self.policy_class(
            self.observation_space,
            self.action_space,
            self.lr_schedule,
            **self._constructor_keywords(),
            **self.policy_kwargs,
        ).to(self.device)

    def set_env(self, env: GymEnv | VectorEnv[Any, Any, Any], force_reset: bool = True) -> None:
        """Continue in another environment of the same spaces; arguments as for any SB3 algorithm.

        Raises:
            ValueError: the spaces are others, or a wrapper changes what the policy reads.
        """
        wrapped = self._wrap_env(env, self.verbose)
        refuse(list(self._observation_problems(wrapped)))
        super().set_env(wrapped, force_reset)

    @staticmethod
    def _wrap_env(env: Any, verbose: int = 0, monitor_wrapper: bool = True) -> VecEnv:
        """SB3 knows its own vector environments only; Gymnasium's are wrapped in an adapter."""
        if isinstance(env, VectorEnv):
            adapted = VectorEnvAdapter(env)
            return VecMonitor(adapted) if monitor_wrapper else adapted
        return BaseAlgorithm._wrap_env(env, verbose, monitor_wrapper)

    def dump_logs(self, iteration: int = 0) -> None:
        """Write the log of an iteration."""
        assert self.ep_info_buffer is not None and self.ep_success_buffer is not None
        elapsed = max((time.time_ns() - self.start_time) / 1e9, sys.float_info.epsilon)
        if self.ep_info_buffer:
            self.logger.record("rollout/ep_rew_mean", safe_mean([info["r"] for info in self.ep_info_buffer]))
            self.logger.record("rollout/ep_len_mean", safe_mean([info["l"] for info in self.ep_info_buffer]))
        if self.ep_success_buffer:
            self.logger.record("rollout/success_rate", safe_mean(self.ep_success_buffer))
        self.logger.record("time/iterations", iteration, exclude="tensorboard")
        self.logger.record("time/fps", int((self.num_timesteps - self._num_timesteps_at_start) / elapsed))
        self.logger.record("time/time_elapsed", int(elapsed), exclude="tensorboard")
        self.logger.record("time/total_timesteps", self.num_timesteps, exclude="tensorboard")
        self.logger.dump(step=self.num_timesteps)

    def save(
        self,
        path: str | pathlib.Path | io.BufferedIOBase,
        exclude: Iterable[str] | None = None,
        include: Iterable[str] | None = None,
    ) -> None:
        """Save all that training depends on; arguments as for any SB3 algorithm.

        A file of that name is replaced as a whole or not at all, whenever the process is killed. It is JSON and
        safetensors and holds no pickle: attributes that are no data, as a schedule of your own, are left out with a
        UserWarning, and `load` asks for them.
        """
        names, variables = self._get_torch_save_params()
        kept = {*(exclude or ()), *self._excluded_save_params()} - set(include or ())
        kept |= {name.partition(".")[0] for name in (*names, *variables)}
        data = {key: value for key, value in vars(self).items() if key not in kept}
        content = content_of(data, self.get_parameters())
        write_model(path, lambda to: to.write_bytes(content) if isinstance(to, pathlib.Path) else to.write(content))

    @classmethod
    def load(
        cls: type[SelfTRM],
        path: str | pathlib.Path | io.BufferedIOBase,
        env: GymEnv | VectorEnv[Any, Any, Any] | None = None,
        device: torch.device | str = "auto",
        custom_objects: dict[str, Any] | None = None,
        print_system_info: bool = False,
        force_reset: bool = True,
        trust: bool = False,
        **kwargs: Any,
    ) -> SelfTRM:
        """Load a model; arguments as for any SB3 algorithm.

        A file is read as data: it runs nothing. `trust=True` loads the pickles of files that SB3 or earlier versions
        wrote as SB3 does, which runs whatever they say.

        Keywords replace hyperparameters of the file, and what they build is built again: `n_steps` the rollout,
        `buffer_size` the memory, which keeps its newest states, `seed` the generator.

        Raises:
            ValueError: the file is damaged, or names a class that no model file may, or was saved before UPITRM and
                HindsightTRM were two classes and has to be converted; or a keyword is no hyperparameter, or needs
                another network than the file's.
        """
        own = [base for base in cls.__mro__ if issubclass(base, TRMAlgorithm) and "__init__" in vars(base)]
        refuse_unknown_keywords(own, kwargs)
        if print_system_info:
            get_system_info()
        with readable(path, kwargs):
            file = read_model(path, trust, custom_objects or ()).completed(kwargs)
            refuse_left_out(path, file.left_out, own, kwargs)
            stream, objects = as_sb3(file)
            objects |= custom_objects or {}
            if "stats_window_size" in kwargs:
                kwargs["_stats_window_size"] = kwargs.pop("stats_window_size")
            model = super().load(stream, env, device, objects, False, force_reset, **kwargs)  # type: ignore[arg-type]
        if env is not None and not force_reset:
            model._continue_episodes()
        if "seed" in kwargs:
            model.rng = np.random.default_rng(model.seed)
        if "_stats_window_size" in kwargs:
            model._resize_statistics()
        return model

    def _resize_statistics(self) -> None:
        """Let the last episodes be as many as the keyword says now; a new run begins with none."""
        for name in ("ep_info_buffer", "ep_success_buffer"):
            if (kept := getattr(self, name)) is not None:
                setattr(self, name, deque(kept, maxlen=self._stats_window_size))

    def set_parameters(
        self,
        load_path_or_dict: str | pathlib.Path | dict[str, Any],
        exact_match: bool = True,
        device: torch.device | str = "auto",
    ) -> None:
        """Take over the state dicts of a file or a dictionary; arguments as for any SB3 algorithm."""
        given = load_path_or_dict
        if not isinstance(given, dict):
            states = read_model(given).states
            given = {name: states[name] for name in states if name != "pytorch_variables"}
        super().set_parameters(given, exact_match, device)

    def _excluded_save_params(self) -> list[str]:
        # Made of the learning rate whenever a model is set up.
        return [*super()._excluded_save_params(), "lr_schedule"]

    def _get_torch_save_params(self) -> tuple[list[str], list[str]]:
        return ["policy", "policy.optimizer"], []
