"""Spec files → trees: nothing lost, nothing decided, and every node knows its file, line and column."""
