"""Curriculum and retry, under the name that puzzles know. They live in `trm_envs.instances`."""

from trm_envs.instances.adaptive import PATIENCE, AdaptiveSource, Attempt, Curriculum, Retry

__all__ = ["PATIENCE", "AdaptiveSource", "Attempt", "Curriculum", "Retry"]
