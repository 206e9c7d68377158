"""The benchmark: one protocol for every method, run with `python -m benchmarks`.

Importing this package needs neither torch nor Stable-Baselines3; training a cell does.
"""
