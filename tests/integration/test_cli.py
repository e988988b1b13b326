"""The `mcpws` command as a process of its own, against a server that runs in this one."""

from __future__ import annotations

import json
import os
import signal
import ssl
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import IO, Any

import pytest
import trustme
from pytest_twisted import ensureDeferred
from twisted.internet import reactor as installed
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ServerEndpoint, wrapClientTLS
from twisted.internet.interfaces import IAddress, IListeningPort
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.ssl import CertificateOptions
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThread

from mcpws import App, Context, ToolError
from mcpws.config import WebSocketConfig
from mcpws.ws.server import ServerFactory

pytestmark = pytest.mark.integration

reactor: Any = installed
COMMAND = [sys.executable, "-m", "mcpws.cli"]
SECONDS = 60
