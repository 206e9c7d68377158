"""`python -m tests.fuzz --cases 10000`: try so many cases, print the outcome classes; 1 where there is a defect."""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "helpers"))

from .entry_points import ENTRY_POINTS, warm_up
from .judging import DEFECTS, Verdict
from .searching import search


def main() -> int:
    """Print a line an entry point, and what was no clear refusal."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--cases", type=int, default=10_000, help="in all (default: 10000)")
    parser.add_argument("--seed", type=int, default=0, help="of the cases (default: 0)")
    parser.add_argument("--only", choices=sorted(ENTRY_POINTS), help="one entry point alone")
    parser.add_argument("--foreign", action="store_true", help="show the foreign messages too")
    options = parser.parse_args()
    chosen = [options.only] if options.only else list(ENTRY_POINTS)
    warm_up()
    total: Counter[Verdict] = Counter()
    for name in chosen:
        found = search(ENTRY_POINTS[name], options.cases // len(chosen), options.seed)
        counts = Counter(verdict for verdict, _, _ in found)
        total += counts
        print(f"{name}: " + ", ".join(f"{counts[v]} {v}" for v in Verdict if counts[v]), flush=True)
        for verdict, text, message in found:
            if verdict in DEFECTS or (options.foreign and verdict is Verdict.FOREIGN):
                print(f"  {verdict}: {text}\n    {' '.join(message.split())[:300]}", flush=True)
    print(f"{sum(total.values())} cases: " + ", ".join(f"{total[v]} {v}" for v in Verdict), flush=True)
    return int(any(total[verdict] for verdict in DEFECTS))


if __name__ == "__main__":
    raise SystemExit(main())
