"""mcpws, embedded: an App behind a ServerFactory, every setting at its default but those given."""

from __future__ import annotations

from typing import Any, cast

from twisted.internet import reactor
from twisted.internet.endpoints import serverFromString

from benchmarks.peers.options import HOST, Options, parse
from mcpws import App, ServerFactory, WebSocketConfig

app = App("echo", "1")


@app.tool
def echo(text: str) -> str:
    """Say it again."""
    return text


def main(options: Options) -> None:
    """Serve until killed."""
    config = WebSocketConfig(
        heartbeat_interval=options.heartbeat,
        max_connections=options.max_connections,
        compression=options.deflate,
    )
    endpoint = f"tcp:{options.port}:interface={HOST}"
    if options.certificate:
        endpoint = f"ssl:{options.port}:interface={HOST}:certKey={options.certificate}:privateKey={options.key}"
    serverFromString(reactor, endpoint).listen(ServerFactory(app, config))
    cast(Any, reactor).run()


main(parse())
