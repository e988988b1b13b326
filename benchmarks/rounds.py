"""Runs the cases: several rounds, in each of which every competitor of a case has its turn right after the others."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path

import trustme

from benchmarks import machine
from benchmarks.cases import Case, Group
from benchmarks.competitors import CLIENTS, INSTALLED, SERVERS, Certificate, Setting
from benchmarks.figures import Sample, number
from benchmarks.load.job import Job
from benchmarks.processes import HOST, Cores, Failed, Serving, free_port, run
from benchmarks.results import Results

ASKED_BY_CLIENTS = "picows"
WARMING = 8
"""Connections, and requests of each in flight, before the first window."""
WARMING_SECONDS = 0.5
TIMEOUT = 60.0
"""Seconds for what surrounds a window."""


@dataclass(frozen=True, slots=True)
class Run:
    """How to run.

    :param seconds: of a window.
    :param say: told how it goes, a line at a time.
    """

    rounds: int
    seconds: float
    cores: Cores
    certificate: Certificate
    say: Callable[[str], None]

    def run(self, cases: Sequence[Case]) -> Results:
        """Measure `cases`. What fails is in the results too."""
        results = Results(self.seconds, machine.describe())
        for round in range(self.rounds):
            for group, members in groupby(cases, key=lambda case: case.group):
                measure = self._one_by_one if group.alone else self._side_by_side
                for case, name, sample in measure(group, list(members), round):
                    results.add(case.name, name, sample)
                    told = sample if isinstance(sample, Failed) else _brief(sample)
                    self.say(f"round {round + 1}/{self.rounds}  {case.name}  {name}: {told}")
        return results

    def _side_by_side(self, group: Group, cases: list[Case], round: int) -> Iterator[tuple[Case, str, Sample | Failed]]:
        """All servers are started; those that are not asked do nothing meanwhile."""
        needed = {name: None for case in cases for name in case.competitors}
        servers = [ASKED_BY_CLIENTS] if group.mode == "client" else list(needed)
        with ExitStack() as stack:
            started = {name: self._try_start(stack, group, name) for name in servers}
            serving = {name: self._warm(cases[0], name, _ready(server)) for name, server in started.items()}
            for index, case in enumerate(cases):
                for name in _rotated(case.competitors, round + index):
                    server = serving[ASKED_BY_CLIENTS if group.mode == "client" else name]
                    yield case, name, self._try_measure(case, name, server)

    def _one_by_one(self, group: Group, cases: list[Case], round: int) -> Iterator[tuple[Case, str, Sample | Failed]]:
        """Each server is started for each case, and stopped after it."""
        for case in cases:
            for name in _rotated(case.competitors, round):
                with ExitStack() as stack:
                    server = _ready(self._try_start(stack, group, name))
                    yield case, name, self._try_measure(case, name, server)

    def _try_start(self, stack: ExitStack, group: Group, name: str) -> Serving | Failed:
        setting = Setting(
            port=free_port(),
            heartbeat=group.heartbeat,
            max_connections=group.max_connections,
            certificate=self.certificate if group.tls else None,
            deflate=group.mode == "deflate",
        )
        core = self.cores.load if group.mode == "client" else self.cores.measured
        log = INSTALLED / f"{name}.log"
        try:
            server = Serving(SERVERS[name].command(setting), setting.port, core, log)
        except Failed as error:
            return error
        stack.callback(server.stop)
        return server

    def _warm(self, case: Case, name: str, server: Serving | Failed) -> Serving | Failed:
        """Some requests that nobody counts: just-in-time compilers want to see a few first."""
        if isinstance(server, Serving) and case.group.mode != "client":
            group = replace(case.group, seconds=WARMING_SECONDS)
            warming = replace(case, group=group, connections=WARMING, in_flight=WARMING)
            measured = self._try_measure(warming, name, server)
            return measured if isinstance(measured, Failed) else server
        return server

    def _try_measure(self, case: Case, name: str, server: Serving | Failed) -> Sample | Failed:
        if isinstance(server, Failed):
            return server
        try:
            if case.group.mode == "client":
                return self._measure_client(case, name, server)
            return self._measure_server(case, name, server)
        except Failed as error:
            return error

    def _measure_server(self, case: Case, name: str, server: Serving) -> Sample:
        assert case.group.mode != "client"
        scheme = "wss" if case.group.tls else "ws"
        job = Job(
            mode=case.group.mode,
            url=f"{scheme}://{HOST}:{server.port}{SERVERS[name].path}",
            pid=server.pid,
            connections=case.connections,
            in_flight=case.in_flight,
            size=case.size,
            open=case.open,
            warm_up=case.group.warm_up,
            seconds=case.group.seconds or self.seconds,
            authority=str(self.certificate.authority) if case.group.tls else None,
            timeout=TIMEOUT,
        )
        windows = max(1, len(case.open))
        limit = 2 * TIMEOUT + windows * (job.warm_up + job.seconds)
        return _decoded(run([sys.executable, "-m", "benchmarks.load", job.encode()], self.cores.load, limit))

    def _measure_client(self, case: Case, name: str, server: Serving) -> Sample:
        command = [
            *(sys.executable, "-m", f"benchmarks.peers.{CLIENTS[name].module}"),
            f"--url=ws://{HOST}:{server.port}/",
            f"--in-flight={case.in_flight}",
            f"--size={case.size}",
            f"--warm-up={case.group.warm_up}",
            f"--seconds={self.seconds}",
        ]
        return _decoded(run(command, self.cores.measured, TIMEOUT + case.group.warm_up + self.seconds))


def _ready(server: Serving | Failed) -> Serving | Failed:
    if isinstance(server, Failed):
        return server
    try:
        server.wait()
    except Failed as error:
        return error
    return server


def _rotated(names: Sequence[str], by: int) -> list[str]:
    """So that nobody is always first."""
    start = by % len(names)
    return [*names[start:], *names[:start]]


def _decoded(output: str) -> Sample:
    measures: dict[str, float] = json.loads(output)
    return measures


def _brief(sample: Sample) -> str:
    """The first measure, which is the one that counts."""
    measure, value = next(iter(sample.items()))
    return f"{measure} {number(value)}"


def make_certificate(directory: Path) -> Certificate:
    """A certificate for the loopback address, signed by an authority of its own, as files in `directory`."""
    authority = trustme.CA()
    issued = authority.issue_cert(HOST)
    certificate = Certificate(directory / "certificate.pem", directory / "key.pem", directory / "authority.pem")
    issued.cert_chain_pems[0].write_to_path(certificate.certificate)
    issued.private_key_pem.write_to_path(certificate.key)
    authority.cert_pem.write_to_path(certificate.authority)
    return certificate
