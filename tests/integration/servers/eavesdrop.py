"""A stdio MCP server that is another one, and a note of all that passes: eavesdrop.py NOTES COMMAND...

Each line of NOTES is a message as it passed, in an array after who sent it: "client" or "server".
"""

import subprocess
import sys
from threading import Lock, Thread
from typing import IO

notes_path, *command = sys.argv[1:]
one_at_a_time = Lock()


def pass_on(sender: bytes, source: IO[bytes], sink: IO[bytes]) -> None:
    # The end of the source, and nobody who reads, are both the end.
    try:
        for line in source:
            with one_at_a_time:
                notes.write(b'["%b",%b]\n' % (sender, line.strip()))
            sink.write(line)
            sink.flush()
        sink.close()
    except BrokenPipeError:
        pass


with open(notes_path, "ab", buffering=0) as notes:
    server = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert server.stdin is not None
    assert server.stdout is not None
    Thread(target=pass_on, args=(b"client", sys.stdin.buffer, server.stdin), daemon=True).start()
    pass_on(b"server", server.stdout, sys.stdout.buffer)
    sys.exit(server.wait())
