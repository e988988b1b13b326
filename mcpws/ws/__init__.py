"""WebSocket (RFC 6455): the only package that imports Autobahn."""
