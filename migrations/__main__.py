"""`python -m migrations draft postgresql|mysql WHAT`: a new step, against the configured server."""

from __future__ import annotations

import asyncio
import os
import sys

from migrations import VARIABLES, draft


def main(arguments: list[str]) -> int:
    """0, or 2 for arguments that make no sense."""
    if len(arguments) != 3 or arguments[0] != "draft" or arguments[1] not in VARIABLES:
        print(__doc__, file=sys.stderr)
        return 2
    url = os.environ.get(VARIABLES[arguments[1]])
    if not url:
        print(f"{VARIABLES[arguments[1]]} is not set", file=sys.stderr)
        return 2
    print(asyncio.run(draft(url, arguments[2])))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
