"""Running comparisons: training, scoring, tuning, many processes, model files."""
