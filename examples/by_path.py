"""A backend of its own: each path of the URL is answered by a backend of its own.

Run it:   python examples/by_path.py 8082
Call it:  mcpws tool ws://127.0.0.1:8082/sums add a=1 b=2
          mcpws tool ws://127.0.0.1:8082/words shout text=hello
"""

import sys

from twisted.internet.defer import fail, gatherResults

from mcpws import App, BackendLost, WebSocketConfig, run


class ByPath:
    "Gives each conversation to the backend of its path, and is no part of it from then on."

    def __init__(self, backends):
        self.backends = dict(backends)

    def open(self, link):
        backend = self.backends.get(link.identity.path)
        if backend is None:
            return fail(BackendLost(f"nothing is served at {link.identity.path}"))
        return backend.open(link)

    def stop(self):
        return gatherResults([backend.stop() for backend in self.backends.values()]).addCallback(lambda _: None)

    def counted(self):
        "The numbers of those that count, each under its path."
        return {
            f"{path.strip('/')}.{name}": number
            for path, backend in self.backends.items()
            if hasattr(backend, "counted")
            for name, number in backend.counted().items()
        }


sums, words = App("sums", "1.0"), App("words", "1.0")


@sums.tool
def add(a: int, b: int) -> int:
    "Add two numbers."
    return a + b


@words.tool
def shout(text: str) -> str:
    "Say it louder."
    return text.upper()


backend = ByPath({"/sums": sums, "/words": words})

if __name__ == "__main__":
    # A path that is none of these is refused in the handshake.
    run(backend, sys.argv[1] if len(sys.argv) > 1 else 8082, config=WebSocketConfig(paths=tuple(backend.backends)))
