"""The protocol without I/O: no Twisted, no sockets, no clock. Bytes in, messages out."""
