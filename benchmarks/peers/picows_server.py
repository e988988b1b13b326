"""picows, the quickest WebSocket library for Python, on uvloop, with orjson.

Its core API hands over frames in C's own memory. There is no reassembly, no permessage-deflate and no UTF-8 check but
the one of orjson.
"""

from __future__ import annotations

import orjson
import uvloop
from picows import WSCloseCode, WSFrame, WSListener, WSMsgType, WSTransport, WSUpgradeRequest, ws_create_server

from benchmarks.peers.echo import answer
from benchmarks.peers.options import HOST, MAX_MESSAGE, Options, parse


class Echo(WSListener):
    """Answers each frame straight from the callback."""

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type == WSMsgType.TEXT and frame.fin:
            reply = answer(orjson.loads(frame.get_payload_as_memoryview()))
            if reply is not None:
                transport.send(WSMsgType.TEXT, orjson.dumps(reply))
        elif frame.msg_type == WSMsgType.CLOSE:
            transport.send_close(WSCloseCode.OK)
            transport.disconnect()


def listen_to(request: WSUpgradeRequest) -> Echo:
    """A listener for each client."""
    return Echo()


async def main(options: Options) -> None:
    """Serve until killed."""
    server = await ws_create_server(
        listen_to,
        HOST,
        options.port,
        max_frame_size=MAX_MESSAGE,
        enable_auto_ping=True,
        auto_ping_idle_timeout=options.heartbeat,
        auto_ping_reply_timeout=options.heartbeat,
    )
    await server.serve_forever()


uvloop.run(main(parse()))
