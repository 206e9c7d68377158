"""Sudoku: rules, solver, generator and symmetries."""
