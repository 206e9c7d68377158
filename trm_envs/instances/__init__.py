"""Where episodes get their instances from, whatever an instance is: pools, generators, curriculum and retry."""
