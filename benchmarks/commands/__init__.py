"""Commands of `python -m benchmarks`: each module has `add_arguments(parser)` and `run(options) -> exit code`."""
