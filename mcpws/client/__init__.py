"""What programs that call MCP servers hold: sessions."""
