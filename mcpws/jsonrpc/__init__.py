"""JSON-RPC 2.0: messages as values, bytes to messages and back, batches, lines. No I/O, and nothing of MCP."""
