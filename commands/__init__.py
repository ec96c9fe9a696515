"""The command line's groups of commands, which `cli.py` names, and what they do."""
