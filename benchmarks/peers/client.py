"""What the measured clients share: the command line, the counting, and the reading of their own CPU time."""

from __future__ import annotations

import argparse
import json
import os
from dataclasses import dataclass
from time import perf_counter
from typing import Any

from benchmarks import procfs
from benchmarks.figures import Reservoir, summary
from benchmarks.load.job import text


class Options(argparse.Namespace):
    """How a client is to ask."""

    url: str
    in_flight: int
    size: int
    warm_up: float
    seconds: float


def parse() -> Options:
    """The options of this process."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--url", required=True)
    parser.add_argument("--in-flight", type=int, required=True)
    parser.add_argument("--size", type=int, required=True)
    parser.add_argument("--warm-up", type=float, required=True)
    parser.add_argument("--seconds", type=float, required=True)
    return parser.parse_args(namespace=Options())


class Asking:
    """What is asked, how often it was answered, and for how long to go on."""

    def __init__(self, options: Options) -> None:
        self.text = text(options.size)
        self.goes_on = True
        self.answers = 0
        self.latencies = Reservoir()

    def answered(self, result: Any, began: float) -> None:
        """The result of a request that began then; the right one, if it is as long as what was sent."""
        if len(result["content"][0]["text"]) != len(self.text):
            raise ValueError(f"got something else than what was sent: {result}")
        self.answers += 1
        self.latencies.add(perf_counter() - began)

    def begin(self) -> Window:
        """The window begins."""
        self.latencies = Reservoir()
        return Window(self.answers, procfs.cpu_ns(os.getpid()), perf_counter())


@dataclass(frozen=True, slots=True)
class Window:
    """How things stood when it began."""

    answers: int
    cpu_ns: int
    time: float


def measured(window: Window, asking: Asking) -> str:
    """The measures of the window that ends now, as JSON; it is time to stop asking."""
    elapsed = perf_counter() - window.time
    cpu = procfs.cpu_ns(os.getpid()) - window.cpu_ns
    answers = asking.answers - window.answers
    asking.goes_on = False
    return json.dumps(summary(answers, elapsed, cpu, 0, asking.latencies))
