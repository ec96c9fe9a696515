"""Measures, and prints the tables; `--write` puts them into bench/README.md."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from bench import machine, report

PARTS = ("contract", "served", "attack", "life", "steps", "graphql", "sockets")


@dataclass(frozen=True)
class Effort:
    """How long to look: rounds, and seconds (or requests) a round."""

    contract: tuple[int, float]
    served: tuple[int, float]
    attack: tuple[int, float]
    starts: int
    soak: tuple[int, int]
    steps: tuple[float, int]
    graphql: tuple[int, int]
    sockets: tuple[int, int]


# Quick tells orders of magnitude in some minutes; full is what the README shows, in half an hour.
QUICK = Effort((3, 0.3), (1, 2), (1, 3), 3, (5_000, 2), (0.5, 20), (3, 200), (5_000, 5))
FULL = Effort((9, 1.0), (5, 8), (3, 10), 7, (100_000, 2), (2.0, 60), (7, 1000), (5_000, 15))


def _say(text: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)


def _contract(effort: Effort) -> str:
    from bench.contract.measure import measure

    return report.contract(measure(*effort.contract))


def _served(effort: Effort) -> str:
    from bench.served.measure import measure

    return report.served(measure(*effort.served, _say))


def _attack(effort: Effort) -> str:
    from bench.served.attack import measure

    return report.attacked(measure(*effort.attack))


def _life(effort: Effort) -> str:
    from bench.served.life import resident, start

    requests, times = effort.soak
    return report.life(start(effort.starts), resident(requests, times, _say), requests)


def _steps(effort: Effort) -> str:
    from bench.steps import measure

    return report.steps(measure(*effort.steps))


def _graphql(effort: Effort) -> str:
    from bench.graphql.measure import measure, report

    return report(measure(*effort.graphql))


def _sockets(effort: Effort) -> str:
    from bench.sockets.measure import measure

    return report.sockets(measure(*effort.sockets, _say))


_MEASURES: dict[str, Callable[[Effort], str]] = {
    "contract": _contract,
    "served": _served,
    "attack": _attack,
    "life": _life,
    "steps": _steps,
    "graphql": _graphql,
    "sockets": _sockets,
}


def main(arguments: Sequence[str] | None = None) -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--full", action="store_true", help="long rounds, as for the README")
    parser.add_argument("--write", action="store_true", help="update bench/README.md")
    parser.add_argument("--only", metavar="PART", nargs="+", choices=PARTS, default=PARTS)
    given = parser.parse_args(arguments)
    if given.write and (not given.full or tuple(given.only) != PARTS):
        parser.error("--write is for a whole run: with --full, and without --only")
    effort = FULL if given.full else QUICK
    began = datetime.now(UTC)
    texts = [
        f"Measured on {began:%Y-%m-%d} in one run: {machine.describe()}. {machine.versions()}."
    ]
    for part in PARTS:
        if part in given.only:
            _say(f"{part} …")
            texts.append(_MEASURES[part](effort))
    text = "\n\n".join(texts)
    print(text)
    if given.write:
        report.write(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
