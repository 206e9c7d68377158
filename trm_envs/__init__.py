"""Plan-editing environments for Gymnasium: `gym.make("trm_envs:SudokuPlanEdit-9x9-v0")`, and systems to control."""

from trm_envs.continuous.checks import ControlChecks
from trm_envs.continuous.env import ControlEditEnv, ControlEditVectorEnv, ControlProblem
from trm_envs.continuous.mdp import ControlEditMDP, ControlStates, ControlTransition
from trm_envs.continuous.task import ControlGradient, ControlTask, Trajectory
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
from trm_envs.plan_edit.task import GRAPH, Checks, PlanTask
from trm_envs.plan_edit.vector_env import PlanEditVectorEnv
from trm_envs.registration import CONTROL_ENVIRONMENTS, ENVIRONMENTS, register_all

__version__ = "0.2.0"

__all__ = [
    "CONTROL_ENVIRONMENTS",
    "ENVIRONMENTS",
    "GRAPH",
    "AdaptiveSource",
    "Checks",
    "ControlChecks",
    "ControlEditEnv",
    "ControlEditMDP",
    "ControlEditVectorEnv",
    "ControlGradient",
    "ControlProblem",
    "ControlStates",
    "ControlTask",
    "ControlTransition",
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
    "Trajectory",
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
