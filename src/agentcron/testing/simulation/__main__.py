"""Live through scenarios by their numbers and tell what was found: ``python -m agentcron.testing.simulation 7 12``."""

from __future__ import annotations

import argparse
import os
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from functools import partial

from agentcron.testing.simulation.figures import Figures, judge
from agentcron.testing.simulation.points import ALL
from agentcron.testing.simulation.scenario import Variant


def main() -> int:
    """Exit code 1 where a promise was broken, or where a fault never fired in a long run."""
    parser = argparse.ArgumentParser(prog="python -m agentcron.testing.simulation", description=__doc__)
    parser.add_argument("seeds", nargs="*", type=int, help="numbers of scenarios")
    parser.add_argument("--count", type=int, default=0, help="also the first so many numbers")
    parser.add_argument("--variant", type=Variant, choices=list(Variant), default=Variant.MONTH)
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="processes to use")
    options = parser.parse_args()
    seeds = [*options.seeds, *range(options.count)]
    begun, total = time.monotonic(), Figures()
    with ProcessPoolExecutor(options.workers) as pool:
        for figures in pool.map(partial(judge, variant=options.variant), seeds, chunksize=1):
            total = total + figures
            for violation in figures.violations:
                sys.stdout.write(f"{violation}\n\n")
                sys.stdout.flush()
    sys.stdout.write(f"{total.told()}, {time.monotonic() - begun:.0f} s\n")
    never = [point for point in ALL if not total.fired[point]] if len(seeds) >= 50 else []
    if never:
        sys.stdout.write(f"never fired: {', '.join(never)}\n")
    return int(bool(total.violations or never))


if __name__ == "__main__":
    sys.exit(main())
