"""Thousands of open sockets on one process."""
