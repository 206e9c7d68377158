"""Sources of instances, under the name that puzzles know: grids of int8. They live in `trm_envs.instances`."""

from trm_envs.instances.sources import GeneratedInstances, InstancePool, InstanceSource

__all__ = ["GeneratedInstances", "InstancePool", "InstanceSource"]
