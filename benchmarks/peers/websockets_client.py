"""A client made of the websockets library, asyncio Futures and orjson, on uvloop: some workers, as for mcpws."""

from __future__ import annotations

import asyncio
from itertools import count
from time import perf_counter
from typing import Any

import orjson
import uvloop
from websockets.asyncio.client import ClientConnection, connect

from benchmarks.peers.client import Asking, measured, parse
from benchmarks.peers.options import MAX_MESSAGE

VERSION = "2025-11-25"


class Client:
    """Requests by id, each a Future. No timeout, no cancellation, no limit, nothing but what has to be."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection
        self._ids = count(1)
        self._pending: dict[int, asyncio.Future[Any]] = {}

    async def request(self, method: str, params: dict[str, Any]) -> Any:
        """The result."""
        id = next(self._ids)
        future = self._pending[id] = asyncio.get_running_loop().create_future()
        message = {"jsonrpc": "2.0", "id": id, "method": method, "params": params}
        await self._connection.send(orjson.dumps(message), text=True)
        return await future

    async def notify(self, method: str) -> None:
        """Without an answer."""
        await self._connection.send(orjson.dumps({"jsonrpc": "2.0", "method": method}), text=True)

    async def receive(self) -> None:
        """Give each answer to who waits for it."""
        while True:
            answer = orjson.loads(await self._connection.recv(decode=False))
            future = self._pending.pop(answer["id"])
            if "error" in answer:
                future.set_exception(RuntimeError(answer["error"]["message"]))
            else:
                future.set_result(answer["result"])


async def work(client: Client, asking: Asking) -> None:
    """One request at a time, until it is over."""
    while asking.goes_on:
        began = perf_counter()
        result = await client.request("tools/call", {"name": "echo", "arguments": {"text": asking.text}})
        asking.answered(result, began)


async def main() -> None:
    """Ask, and print the measures."""
    options = parse()
    asking = Asking(options)
    async with connect(options.url, compression=None, max_size=MAX_MESSAGE, proxy=None) as connection:
        client = Client(connection)
        receiving = asyncio.create_task(client.receive())
        info = {"name": "echo", "version": "1"}
        await client.request("initialize", {"protocolVersion": VERSION, "capabilities": {}, "clientInfo": info})
        await client.notify("notifications/initialized")
        workers = [asyncio.create_task(work(client, asking)) for _ in range(options.in_flight)]
        await asyncio.sleep(options.warm_up)
        window = asking.begin()
        await asyncio.sleep(options.seconds)
        print(measured(window, asking))
        await asyncio.gather(*workers)
        receiving.cancel()


uvloop.run(main())
