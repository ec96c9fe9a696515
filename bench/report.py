"""The figures as the tables of bench/README.md: ratios first."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from bench.contract.measure import DRIVER, FASTAPI, INTERPRETED, OURS, RAW
from bench.load.wrk import CONNECTIONS, asker
from bench.served.attack import QUIET, Felt
from bench.served.life import Start
from bench.served.measure import Result
from bench.sockets.measure import Crowded
from bench.steps import Step

README = Path(__file__).with_name("README.md")
BEGIN, END = "<!-- figures: written by `python -m bench --write` -->", "<!-- end of figures -->"
WHATS = ("GET", "POST")


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table; all columns but the first are numbers."""
    ruled = ["---", *("---:" for _ in heads[1:])]
    return "\n".join(f"| {' | '.join(row)} |" for row in (heads, ruled, *rows))


def contract(found: Mapping[tuple[str, str], float]) -> str:
    """The contract layer alone. The driver's own cost is taken off."""
    net = {
        (name, what): cost - found[DRIVER, what]
        for (name, what), cost in found.items()
        if name != DRIVER
    }

    def ratio(name: str, what: str) -> float:
        return net[name, what] / net[OURS, what]

    rows = [
        ["connexion / ours", *(f"{ratio(INTERPRETED, what):.1f}" for what in WHATS), "≥ 25"],
        ["FastAPI / ours", *(f"{ratio(FASTAPI, what):.1f}" for what in WHATS), "≥ 8"],
        ["ours / raw ASGI", *(f"{1 / ratio(RAW, what):.2f}" for what in WHATS), "≤ 2"],
    ]
    rows += [
        [f"{name}, CPU µs", *(f"{net[name, what]:.1f}" for what in WHATS), ""]
        for name in (OURS, RAW, FASTAPI, INTERPRETED)
    ]
    return "\n".join(
        [
            "### The contract layer alone\n",
            table(["", "GET budget", "POST budget", "aim"], rows),
            f"\nThe driver's own {found[DRIVER, 'GET']:.1f} and {found[DRIVER, 'POST']:.1f} µs are "
            "taken off.",
        ]
    )


_AIMS = {"FastAPI + SQLModel": ("≥ 8", "≥ 6"), "Express + better-sqlite3": ("> 1", "> 1")}


def served(found: Mapping[tuple[str, str], Result]) -> str:
    """Whole requests over sockets."""
    ours = {what: found[OURS, what] for what in WHATS}
    names = [name for name, what in found if what == "GET"]
    rows = []
    for name in names[1:]:
        aims = _AIMS.get(name, ("", ""))
        row = [f"ours / {name}"]
        for what, aim in zip(WHATS, aims, strict=True):
            row += [f"{ours[what].rate / found[name, what].rate:.1f}", aim]
        rows.append(row)
    ratios = table(["throughput", "GET budget", "aim", "POST expense", "aim"], rows)
    figures = table(
        [
            "",
            *(
                f"{what} {unit}"
                for what in WHATS
                for unit in ("req/s", "CPU µs", "p50 ms", "p99 ms")
            ),
        ],
        [
            [
                name,
                *(
                    text
                    for what in WHATS
                    for text in (
                        f"{found[name, what].rate:.0f}",
                        f"{found[name, what].cpu * 1e6:.0f}",
                        f"{found[name, what].p50 * 1e3:.1f}",
                        f"{found[name, what].p99 * 1e3:.1f}",
                    )
                ),
            ]
            for name in names
        ],
    )
    return "\n".join(
        [
            "### Whole requests, one core each\n",
            ratios,
            "",
            figures,
            f"\nAsked by {asker()}, {CONNECTIONS} connections. "
            "Ours also relays each event to its consumers (counters, thresholds, search), in "
            "the same process: its CPU holds that, and all was done "
            f"{ours['POST'].drained:.1f} s after the last answer. The peers relay nothing.",
        ]
    )


def attacked(found: Mapping[str, Felt]) -> str:
    """Latency of honest requests."""
    quiet = found[QUIET]
    rows = [
        [
            name,
            f"{felt.p99 / quiet.p99:.2f}",
            f"{felt.post_p99 / quiet.post_p99:.2f}",
            f"{felt.p50 * 1e3:.2f}",
            f"{felt.p99 * 1e3:.2f}",
            f"{felt.post_p99 * 1e3:.2f}",
            ", ".join(f"{status}: {count}" for status, count in sorted(felt.answers.items())),
        ]
        for name, felt in found.items()
    ]
    heads = [
        "",
        "GET p99 / quiet",
        "POST p99 / quiet",
        "GET p50 ms",
        "p99 ms",
        "POST p99 ms",
        "answers",
    ]
    return "\n".join(["### Honest requests under attack (aim: ≤ 2)\n", table(heads, rows)])


def life(start: Start, resident: Sequence[float], requests: int) -> str:
    """Start, help, memory."""
    rows = [
        ["start to ready, first", f"{start.first:.2f} s", "≤ 2 s"],
        ["start to ready, again", f"{start.again:.2f} s", "≤ 2 s"],
        ["`--help`", f"{start.help:.2f} s", "≤ 0.3 s"],
        ["resident when ready", f"{resident[0]:.0f} MB", ""],
    ]
    for number, megabytes in enumerate(resident[1:], 1):
        aim = "≤ 150 MB" if number == 1 else "no growth"
        rows.append([f"resident after {number * requests:,} requests", f"{megabytes:.0f} MB", aim])
    return "\n".join(["### Start and memory\n", table(["", "", "aim"], rows)])


def sockets(found: Mapping[str, Crowded]) -> str:
    """Open sockets."""
    heads = ["", "sockets", "p50 ms", "p99 ms", "last ms", "CPU µs a socket", "KB a socket"]
    rows = [
        [
            name,
            f"{each.sockets:,}",
            f"{each.p50:.0f}",
            f"{each.p99:.0f}",
            f"{each.last:.0f}",
            f"{each.cpu / each.sockets * 1e6:.0f}",
            f"{each.memory:.0f}",
        ]
        for name, each in found.items()
    ]
    note = (
        "From the request that sends a broadcast to when each socket that reads hears it. Of the "
        "memory some 14 KB are ours, measured in process; the bare server takes the rest."
    )
    return "\n".join(["### Open sockets on one process\n", table(heads, rows), "", note])


def steps(found: Mapping[str, Sequence[Step]]) -> str:
    """The pipeline's steps."""
    return "\n".join(["### The pipeline, CPU µs in process\n", *_steps(found)])


def _steps(found: Mapping[str, Sequence[Step]]) -> Iterator[str]:
    for operation, costs in found.items():
        yield table([f"`{operation}`", "µs"], [[name, f"{cost:.1f}"] for name, cost in costs])
        yield ""


def write(text: str) -> None:
    """Puts the figures between the marks of bench/README.md."""
    whole = README.read_text()
    head, _, rest = whole.partition(BEGIN)
    _, _, tail = rest.partition(END)
    README.write_text(f"{head}{BEGIN}\n\n{text}\n\n{END}{tail}")
