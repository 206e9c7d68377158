"""Plan-editing environments for Gymnasium: `gym.make("trm_envs:SudokuPlanEdit-9x9-v0")`."""

from trm_envs.instances.adaptive import AdaptiveSource, Curriculum, Retry
from trm_envs.instances.sources import GeneratedInstances, InstancePool, InstanceSource
from trm_envs.plan_edit.env import PlanEditEnv
from trm_envs.plan_edit.grids import MarkTask, SymbolTask
from trm_envs.plan_edit.mdp import PlanEditMDP, PlanStates, Successors, Transition
from trm_envs.plan_edit.problem import Problem
from trm_envs.plan_edit.rules import (
    blocks,
    count_marks,
    count_repeats,
    diagonals,
    neighbours,
    pad_groups,
    rows_and_columns,
)
from trm_envs.plan_edit.task import Checks, PlanTask
from trm_envs.plan_edit.vector_env import PlanEditVectorEnv
from trm_envs.registration import ENVIRONMENTS, register_all

__version__ = "0.2.0"

__all__ = [
    "ENVIRONMENTS",
    "AdaptiveSource",
    "Checks",
    "Curriculum",
    "GeneratedInstances",
    "InstancePool",
    "InstanceSource",
    "MarkTask",
    "PlanEditEnv",
    "PlanEditMDP",
    "PlanEditVectorEnv",
    "PlanStates",
    "PlanTask",
    "Problem",
    "Retry",
    "Successors",
    "SymbolTask",
    "Transition",
    "blocks",
    "count_marks",
    "count_repeats",
    "diagonals",
    "neighbours",
    "pad_groups",
    "rows_and_columns",
]

register_all()
