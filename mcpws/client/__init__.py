"""Sessions: what programs hold that call MCP servers."""
