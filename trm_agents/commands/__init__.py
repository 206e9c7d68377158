"""The console command `trm`: one small module a verb, and what they share in `arguments`, `puzzles` and `agents`."""
