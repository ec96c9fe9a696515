"""Whole servers, over sockets."""
