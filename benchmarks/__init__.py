"""mcpws beside its peers, in one run: `python -m benchmarks`, or `make bench`, which installs the peers first.

The work is a JSON-RPC request `tools/call` of MCP that echoes a string, over a WebSocket on the loopback interface.
Whatever is measured has one core of the machine, the load generator another one.

What the figures mean:

- CPU per request: what the kernel's scheduler charged to the threads of the measured process in a window after a
  warm-up, divided by the requests answered in that window. It is not a latency, and it holds what the kernel does in
  the process's own system calls, but neither the other end of the connection nor the children of a gateway.
- ours/peer: the quotient of two such figures of the same round, taken within seconds of each other. Under 1, ours
  costs less. Its median over the rounds is what counts; its least and its greatest say how far to trust it.
- Requests per second: at most what one core of the server, and one of the load generator, can do. Where the generator
  is the slower of the two, it says nothing about the server.
- p50, p99, p99.9: of the time from the request's write to the answer's read, as the load generator sees it. A closed
  loop: a server that is slow is asked less often. With 16 requests in flight, most of it is waiting in line.
- Memory per connection: growth of the process's resident set while connections open and begin their session, divided
  by their number. The kernel's socket buffers are not in it.
"""
