"""Spec files → trees: nothing lost, nothing decided, and every node knows its place."""
