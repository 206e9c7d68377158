"""The protocol: suites, rows, statistics, provenance, the folder of a run, evaluation."""
