"""Hostile input for all public entry points, and what becomes of it."""
