"""The command line: `python -m benchmarks --help`."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from benchmarks.cases import CASES, Case, chosen
from benchmarks.competitors import INSTALLED
from benchmarks.page import page, picture
from benchmarks.processes import cores, raise_file_limit
from benchmarks.report import terminal
from benchmarks.results import Results, judge
from benchmarks.rounds import Run, make_certificate

BUSY = 0.5
"""Processes that run besides, on average."""


class Options(argparse.Namespace):
    """What to do."""

    rounds: int
    seconds: float
    only: list[str]
    list: bool
    output: Path | None
    plot: Path | None
    json: Path | None
    read: Path | None


def parse(arguments: list[str]) -> Options:
    """The options among `arguments`."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measure mcpws beside its peers.")
    parser.add_argument("--rounds", type=int, default=5, help="how often every case is run [%(default)s]")
    parser.add_argument("--seconds", type=float, default=1.5, help="length of a window [%(default)s]")
    parser.add_argument("--only", nargs="+", default=[], metavar="CASE", help="names or parts of them, * for anything")
    parser.add_argument("--list", action="store_true", help="name the cases, and do nothing")
    parser.add_argument("--output", type=Path, metavar="FILE", help="write a page in Markdown")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="write the plot in SVG")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every sample")
    parser.add_argument("--read", type=Path, metavar="FILE", help="report what --json wrote, and run nothing")
    options = parser.parse_args(arguments, namespace=Options())
    if options.rounds < 1 or options.seconds <= 0:
        parser.error("--rounds must be 1 or more, --seconds above 0")
    if not chosen(options.only):
        parser.error(f"--only: no case is called {' or '.join(options.only)}; see --list")
    return options


def measure(options: Options, cases: list[Case]) -> Results:
    """Run them."""
    INSTALLED.mkdir(exist_ok=True)
    raise_file_limit()
    where = cores()
    if where.measured == where.load:
        print("only one core: the load generator shares it with what is measured", file=sys.stderr)
    if os.getloadavg()[0] > BUSY:
        print("this machine is busy: the figures will tell of that too", file=sys.stderr)
    run = Run(
        rounds=options.rounds,
        seconds=options.seconds,
        cores=where,
        certificate=make_certificate(INSTALLED),
        say=lambda line: print(line, file=sys.stderr, flush=True),
    )
    return run.run(cases)


def main() -> int:
    """1 if anything failed; a bar that is missed is told, and no failure."""
    options = parse(sys.argv[1:])
    cases = chosen(options.only)
    if options.list:
        print(*(case.name for case in cases), sep="\n")
        return 0
    if options.read is None:
        results = measure(options, cases)
    else:
        results = Results.decode(options.read.read_text())
        cases = [case for case in CASES if case in cases and case.name in results.samples]
    judgements = judge(results, cases)
    print(terminal(results, cases, judgements))
    if options.json:
        options.json.write_text(results.encode())
    if options.plot:
        options.plot.write_text(picture(results, cases))
    if options.output:
        plot = os.path.relpath(options.plot, options.output.parent) if options.plot else None
        options.output.write_text(page(results, cases, judgements, plot))
    for case, failed in results.errors.items():
        for name, reason in failed.items():
            print(f"FAILED: {case} {name}: {reason}", file=sys.stderr)
    return 1 if results.errors else 0


sys.exit(main())
