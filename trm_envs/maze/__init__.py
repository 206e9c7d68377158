"""Mazes as plan editing."""
