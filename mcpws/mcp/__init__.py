"""Values of MCP that several parts of the package, and programs that use it, speak of."""
