"""See the package."""

from __future__ import annotations

import argparse
import sys
import traceback
from time import monotonic

from tests.backends.eras.worlds.world import KINDS, run


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.backends.eras.worlds")
    parser.add_argument("--seed", type=int, default=0, help="of the first world; the next ones follow [default: 0]")
    parser.add_argument("--count", type=int, default=1000, help="worlds of each kind [default: 1000]")
    parser.add_argument("--kind", choices=KINDS, help="only worlds of this kind")
    parser.add_argument("--notes", action="store_true", help="tell of a bad world all that happened in it")
    parser.add_argument("--stop-after", type=int, default=1, help="bad worlds [default: 1]")
    options = parser.parse_args()
    bad = 0
    began = monotonic()
    for kind in [options.kind] if options.kind else KINDS:
        for seed in range(options.seed, options.seed + options.count):
            try:
                run(kind, seed, options.notes)
            except Exception:
                bad += 1
                print(f"--kind {kind} --seed {seed} --count 1 is bad:", flush=True)
                traceback.print_exc()
                if bad >= options.stop_after:
                    return 1
        print(f"{options.count} worlds of the kind {kind}, {bad} bad, {monotonic() - began:.0f} s", flush=True)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
