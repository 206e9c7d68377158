"""The plan-space MDP; knows no puzzle."""
