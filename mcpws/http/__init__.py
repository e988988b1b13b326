"""The door: what a client says before it is a WebSocket, who may come in, and answers in HTTP."""
