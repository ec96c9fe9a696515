"""What `doctor` and `migrate` are made of: findings, and the checks and migrations that adapters
bring along for the variables that switch them on.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

State = Literal["ok", "warning", "wrong"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at: `what` it is, what was found, and what to do about it.

    Neither text ever holds a secret. `wrong` keeps the platform from running or loses data;
    a `warning` does not yet.
    """

    what: str
    state: State
    found: str
    remedy: str = ""


# Looks at the server that a variable's value names: reachable, its version, what the adapter needs
# of it (a replica set, rights, migrations at head), its clock. Raises nothing; ends within seconds.
ServerCheck = Callable[[str], Awaitable[Sequence[Finding]]]
# Brings that server's schema to this version; with True only tells what it would do. Answers what
# was done, a line each; none: it was there. Raises CannotMigrate.
Migration = Callable[[str, bool], Awaitable[Sequence[str]]]


class CannotMigrate(Exception):
    """A schema cannot be brought to this version; the message says why, and what to do."""


_PORTS = {
    "mongodb": 27017,
    "postgresql": 5432,
    "postgres": 5432,
    "mysql": 3306,
    "redis": 6379,
    "rediss": 6379,
    "amqp": 5672,
    "amqps": 5671,
    "http": 80,
    "https": 443,
    "smtp": 25,
    "smtps": 465,
}


def addresses(value: str) -> list[tuple[str, int]]:
    """The hosts and ports in a server variable's value: a URL, or `host:port` with commas.

    None for `mongodb+srv`, whose hosts are in the DNS. Raises ValueError for what is neither.
    """
    scheme, found, rest = value.partition("://")
    if scheme == "mongodb+srv":
        return []
    if found:
        # Several hosts, as a replica set has them, are more than urlsplit reads.
        hosts = rest.split("/")[0].split("?")[0].rpartition("@")[2]
        default = _PORTS.get(scheme, 0)
    else:
        hosts, default = value, 0
    split = [urlsplit(f"//{host.strip()}") for host in hosts.split(",")]
    return [(part.hostname or "", part.port or default) for part in split]


async def reachable(what: str, value: str, within: float = 3.0) -> list[Finding]:
    """Whether something takes connections there; it says nothing, so it may be anything."""
    try:
        hosts = addresses(value)
    except ValueError:
        return [Finding(what, "wrong", "names no host and port", f"correct {what}")]
    return list(await asyncio.gather(*(_reached(what, *each, within) for each in hosts)))


async def _reached(what: str, host: str, port: int, within: float) -> Finding:
    where = f"{host}:{port}"
    try:
        async with asyncio.timeout(within):
            _, writer = await asyncio.open_connection(host, port)
    except TimeoutError:
        why = f"does not answer within {within:g} s"
    except OSError as error:
        why = (error.strerror or type(error).__name__).lower()
    else:
        writer.close()
        return Finding(what, "ok", f"{where} takes connections")
    return Finding(
        what,
        "wrong",
        f"{where} cannot be reached: {why}",
        f"start that server, let this machine reach it, or correct {what}",
    )
