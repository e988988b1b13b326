"""`python -m mcpws` is the `mcpws` command."""

from mcpws.cli import main

if __name__ == "__main__":
    main()
