"""Sockets: the frames, one connection, and all of them together."""
