"""Numbers that users hand over, under the name that puzzles know. They live in `trm_envs.instances`."""

from trm_envs.instances.numbers import share, whole

__all__ = ["share", "whole"]
