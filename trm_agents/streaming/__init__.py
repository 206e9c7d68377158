"""Scoring of any number of puzzles, piece by piece: bounded memory, progress, workers, going on after a stop."""

from trm_agents.streaming.engine import Prepare, Score, stream
from trm_agents.streaming.pieces import PieceRow, Scored, Valid, read_valid
from trm_agents.streaming.totals import Totals, facts, wilson

__all__ = ["PieceRow", "Prepare", "Score", "Scored", "Totals", "Valid", "facts", "read_valid", "stream", "wilson"]
