"""Episodes of any deterministic MDP with a source of instances, one at a time and many at once; knows no problem."""
