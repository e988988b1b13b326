"""What a run took place on and with, without anything that tells this machine from another one like it."""

from __future__ import annotations

import json
import os
import platform
import re
import subprocess
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from benchmarks.competitors import INSTALLED, NODE_MODULES

LIBRARIES = (
    *("mcpws", "twisted", "autobahn", "msgspec", "pyOpenSSL"),
    *("picows", "websockets", "uvloop", "orjson"),
)
SDK_LIBRARIES = ("mcp", "uvicorn", "starlette", "websockets")
NODE_PACKAGES = ("ws", "bufferutil", "supergateway")


def describe() -> dict[str, str]:
    """Names and values, for people."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    kernel = re.match(r"\d+\.\d+", platform.release())
    return {
        "Processor": _processor(Path("/proc/cpuinfo").read_text()),
        "Memory": f"{memory:.0f} GiB",
        "Kernel": f"{platform.system()} {kernel[0] if kernel else platform.release()}",
        "Python": f"{platform.python_implementation()} {platform.python_version()}",
        "Libraries": ", ".join(_installed(LIBRARIES)),
        "MCP SDK's environment": _sdk(),
        "Node.js": ", ".join([_said("node", "--version").removeprefix("v"), *_node_packages()]),
    }


def _processor(cpuinfo: str) -> str:
    model = re.search(r"^model name\s*: (.+)", cpuinfo, re.MULTILINE)
    flags = re.search(r"^flags\s*:(.+)", cpuinfo, re.MULTILINE)
    virtual = ", of a virtual machine" if flags and " hypervisor" in flags[1] else ""
    cores = len(os.sched_getaffinity(0))
    return f"{model[1] if model else platform.machine()}, {cores} cores{virtual}"


def _installed(names: Iterable[str]) -> Iterable[str]:
    for name in names:
        try:
            yield f"{name} {version(name)}"
        except PackageNotFoundError:
            yield f"{name} missing"


def _sdk() -> str:
    program = (
        "import sys; from importlib.metadata import version;"
        " print(', '.join(f'{name} {version(name)}' for name in sys.argv[1:]))"
    )
    return _said(str(INSTALLED / "sdk" / "bin" / "python"), "-c", program, *SDK_LIBRARIES)


def _node_packages() -> Iterable[str]:
    for name in NODE_PACKAGES:
        try:
            yield f"{name} {json.loads((NODE_MODULES / name / 'package.json').read_text())['version']}"
        except FileNotFoundError:
            yield f"{name} missing"


def _said(*command: str) -> str:
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "missing"
