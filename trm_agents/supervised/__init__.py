"""Path finding with labels: the cells of the one path of a perfect maze, marked in one pass."""

from trm_agents.supervised.fitting import Fit, Score, fit, score
from trm_agents.supervised.networks import Marks, PathNetwork, RecursivePaths, StackedPaths, fitted_width, weights
from trm_agents.supervised.paths import Paths, path_cells, paths

__all__ = [
    "Fit",
    "Marks",
    "PathNetwork",
    "Paths",
    "RecursivePaths",
    "Score",
    "StackedPaths",
    "fit",
    "fitted_width",
    "path_cells",
    "paths",
    "score",
    "weights",
]
