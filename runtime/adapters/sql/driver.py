"""What the stores need of a driver: connections that run compiled statements, and what went wrong.

Statements are written once for all servers: `$1` is the first binding, and names stand in double
quotes (MySQL is told so). What servers say differently is in `Dialect`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from runtime.problem import Unavailable
from runtime.table import Row


class Gone(Exception):
    """The connection is lost, or of no further use; what was under way may have been done."""


class Again(Exception):
    """The server undid the transaction for others' sake (a deadlock): nothing was written."""


class Busy(Exception):
    """A lock was not given in time: nothing was written."""


class Refused(Exception):
    """No connection is given. The message is for whoever started the process: no secret in it.

    `final`: trying again will not help, as with a wrong password.
    """

    def __init__(self, message: str, *, final: bool = False) -> None:
        super().__init__(message)
        self.final = final


class Duplicate(Exception):
    """A uniqueness constraint refused a row; `constraint` is its name as the server has it."""

    def __init__(self, constraint: str) -> None:
        super().__init__(constraint)
        self.constraint = constraint


def unavailable() -> Unavailable:
    """What a caller sees when the server does not answer; the cause is in the log."""
    return Unavailable("The store does not answer.", retry_after=1)


@dataclass(slots=True)
class Step:
    """One statement of a commit. `missed`: what it means that no row changed (None: nothing).

    `taken`: what a duplicate means, by the constraint's name; None where it is not this step's.
    """

    sql: str
    row: Row
    missed: Exception | None = None
    taken: Callable[[str], Exception | None] | None = None


@dataclass(slots=True)
class Plan:
    """A commit: guards, then changes, then events. All of it or nothing.

    `events` are rows of the outbox. `lanes` are hashes of their keys: commits with one in common
    take turns from there to their end, so that the outbox has a key's events in commit order.
    `repeats`: one row is changed more than once, so the order of the steps counts.
    """

    guards: list[Step] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)
    events: list[Row] = field(default_factory=list)
    lanes: list[int] = field(default_factory=list)
    repeats: bool = False


class Connection(Protocol):
    """One connection. Raises Gone, Again, Busy, Duplicate; ValueError for a value of a wrong type.

    Any other exception is a defect of a statement.
    """

    @property
    def closed(self) -> bool:
        """Whether it is known to be of no use."""
        ...

    async def fetch(self, sql: str, row: Sequence[Any] = ()) -> Sequence[Row]:
        """The rows of one statement; a sequence among the bindings is a list of values."""
        ...

    async def execute(self, sql: str, row: Sequence[Any] = ()) -> int:
        """How many rows one statement changed."""
        ...

    async def commit(self, plan: Plan) -> None:
        """Raises what a step's `missed` and `taken` say, those of the guards first."""
        ...

    def abort(self) -> None:
        """Ends it at once; what waits for it raises Gone."""
        ...

    async def close(self) -> None:
        """Ends it politely. Raises nothing."""
        ...


class Listening(Protocol):
    """What hears from other processes."""

    async def close(self) -> None:
        """Hears no more."""
        ...


class Driver(Protocol):
    """Makes connections to one server's database."""

    def listen(self, heard: Callable[[str], None]) -> Listening | None:
        """Calls `heard` with what other processes say by `Dialect.notify`; None: they cannot."""
        ...

    async def connect(self) -> Connection:
        """A new connection. Raises Refused."""
        ...


@dataclass(frozen=True, slots=True)
class Dialect:
    """What the servers say differently."""

    name: str
    # Membership of a column in a bound list, by the list's place: among('"id"', 1).
    among: Callable[[str, int], str]
    # `(a, b) < (x, y)` reads a range of an index.
    compares_rows: bool
    # NULL sorts lowest without being told.
    nulls_low: bool
    # A list of values joins a derived table that depends on each of them.
    laterals: bool
    # Appended to an INSERT of what may be there already.
    unless_there: str
    # Places an idempotency record where none is, or one that is older than `$8`.
    remember: tuple[str, ...]
    # Seconds since 1970 by the server's clock.
    now: str
    # Tells other processes `$1`; empty where the server does not carry that.
    notify: str
    # Deletes at most 500 rows of the table `{0}` that are older than `$1`.
    sweep: str
    # The name of the constraint that a table's key is.
    key_of: Callable[[str], str]
