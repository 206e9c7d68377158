"""Sudoku as plan editing."""
