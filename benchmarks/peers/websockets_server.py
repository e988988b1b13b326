"""The websockets library on uvloop, with orjson."""

from __future__ import annotations

import asyncio
import ssl

import orjson
import uvloop
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from benchmarks.peers.echo import answer
from benchmarks.peers.options import HOST, MAX_MESSAGE, Options, parse


async def converse(connection: ServerConnection) -> None:
    """One client, as long as it stays. Text goes in and out as bytes: orjson wants them, and checks the UTF-8."""
    try:
        while True:
            reply = answer(orjson.loads(await connection.recv(decode=False)))
            if reply is not None:
                await connection.send(orjson.dumps(reply), text=True)
    except ConnectionClosed:
        pass


async def main(options: Options) -> None:
    """Serve until killed."""
    context = None
    if options.certificate:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(options.certificate, options.key)
    async with serve(
        converse,
        HOST,
        options.port,
        compression="deflate" if options.deflate else None,
        max_size=MAX_MESSAGE,
        ping_interval=options.heartbeat,
        ssl=context,
    ):
        await asyncio.Future()


uvloop.run(main(parse()))
