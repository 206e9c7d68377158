"""Agents built on tiny recursive networks."""
