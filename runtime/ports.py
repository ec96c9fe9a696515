"""What handlers and the pipeline need of the world.

One contract test suite a port runs over every adapter. Long because the promises are read together:
who writes an adapter or a handler has all of them in sight.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Generic, Literal, Protocol, TypeVar

from runtime.model import Entity
from runtime.problem import Problem

E = TypeVar("E", bound=Entity)
M = TypeVar("M")


# --- what one commit is made of ------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Insert:
    """A new entity; its version is 1, or what it was where the entity was taken from (`move`)."""

    entity: Entity


@dataclass(frozen=True, slots=True)
class Update:
    """The entity's new state, whose `version` is one above the stored one; else the commit is
    refused.
    """

    entity: Entity


@dataclass(frozen=True, slots=True)
class Delete:
    """Removes `entity`, if the stored version still is this one's."""

    entity: Entity


@dataclass(frozen=True, slots=True)
class Emit:
    """An event for the outbox. `event` is one of generated/events.py."""

    event: Event


@dataclass(frozen=True, slots=True)
class Seen:
    """Marks an event as applied by a consumer; a second time, the commit is refused with
    `AlreadySeen`.
    """

    consumer: str
    event_id: str


@dataclass(slots=True)
class Remember:
    """The record of an idempotency key: commits with the entity, in its store."""

    caller: str
    key: str
    operation: str
    fingerprint: bytes
    answer: Any = None
    # Whether a commit carried it: `Call.remember` sets it.
    kept: bool = False
    # Set by the gate: encodes `answer` for the store; protocol-neutral JSON.
    encode: Callable[[Any], bytes] = field(default=lambda answer: b"null", repr=False)


@dataclass(frozen=True, slots=True)
class Remembered:
    """What a store knows of an idempotency key."""

    operation: str
    fingerprint: bytes
    answer: bytes


Change = Insert | Update | Delete | Emit | Seen | Remember | None


class Conflict(Exception):
    """A version check failed: somebody else wrote first, or the entity is gone. Nothing was
    written.
    """

    def __init__(self, kind: str, id: str) -> None:
        super().__init__(f"{kind} {id}")
        self.kind = kind
        self.id = id


class Taken(Exception):
    """A uniqueness constraint refused the commit. `fields` are the entity's attributes. Nothing was
    written.
    """

    def __init__(self, kind: str, fields: tuple[str, ...]) -> None:
        super().__init__(f"{kind} {fields}")
        self.kind = kind
        self.fields = fields


class AlreadySeen(Exception):
    """The commit carried a `Seen` that is stored already. Nothing was written: it stands."""


class KeyTaken(Exception):
    """The commit carried a `Remember` whose key is stored already. Nothing was written."""


# --- reading --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Where:
    """`field` compared with `value`: eq, in, gt, gte, lt, lte; `has`: the set index `field`
    contains `value`. `eq` None finds what has no value, which no other comparison finds.
    """

    field: str
    op: str
    value: Any


@dataclass(frozen=True, slots=True)
class Query:
    """A page by keyset. `sort` is (attribute, descending) pairs; ties break by id in the last
    direction.

    What has no value sorts lowest. `after` holds the last item's values of the sort attributes and
    its id; `limit` most items. The first `Where(…, "in", …)` reads each value's own index range, so
    its cost does not grow with the data where an index is of that field and the sort.
    """

    where: tuple[Where, ...] = ()
    sort: tuple[tuple[str, bool], ...] = (("created_at", True),)
    limit: int = 50
    after: tuple[Any, ...] | None = None


@dataclass(frozen=True, slots=True)
class Page(Generic[E]):
    """Items in order, and whether more follow."""

    items: list[E]
    more: bool


class Store(Protocol):
    """The entities of one service.

    Promises: `commit` is atomic and durable when it returns; a version check guards every update
    and delete; reads see every commit that returned before them; entities handed out never change.
    """

    async def get(self, kind: type[E], id: str) -> E | None:
        """One entity, or None."""
        ...

    async def get_many(self, kind: type[E], ids: Sequence[str]) -> dict[str, E]:
        """Those that exist, by id; in one round trip."""
        ...

    async def find(self, kind: type[E], **unique: Any) -> E | None:
        """The entity that a uniqueness constraint names, such as `find(User, email=…)`."""
        ...

    async def page(self, kind: type[E], query: Query) -> Page[E]:
        """A page of entities."""
        ...

    async def recall(self, caller: str, key: str) -> Remembered | None:
        """The record of an idempotency key that is not older than 24 hours."""
        ...

    async def seen(self, consumer: str, event_ids: Sequence[str]) -> set[str]:
        """Those of the events that `consumer` has applied, as far back as 7 days."""
        ...

    async def commit(self, *changes: Change) -> None:
        """All or nothing. Raises Conflict, Taken, AlreadySeen or KeyTaken.

        Of several reasons, AlreadySeen and KeyTaken are told first. Raises Unavailable when the
        store does not answer; whether the commit was made then shows later.
        """
        ...


# --- events ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Envelope:
    """A CloudEvents 1.0 event as it travels: `data` is encoded JSON."""

    id: str
    type: str
    channel: str
    key: str
    subject: str
    version: int
    time: str
    data: bytes
    traceparent: str = ""


class Event(Protocol):
    """A typed event, generated from AsyncAPI."""

    def envelope(self, id: str, time: str, traceparent: str = "") -> Envelope:
        """The event as it travels."""
        ...


class Outbox(Protocol):
    """A store's committed events that are not published yet: what a relay empties into a bus.

    Promises: an event is here from the commit that emitted it until `clear` has returned; those of
    one key come in the order of their commits; of several processes over one store only one at a
    time is given any, until it has gone quiet for some seconds.
    """

    async def take(self, most: int) -> list[Envelope]:
        """The oldest events, the same ones again until they are cleared. Raises Unavailable."""
        ...

    async def clear(self, envelopes: Sequence[Envelope]) -> None:
        """These are published, and kept there. Raises Unavailable."""
        ...

    def on_emitted(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Calls `listener` after events were committed here; answers how to end that."""
        ...


@dataclass(frozen=True, slots=True)
class Delivery(Generic[M]):
    """One event handed to one consumer. Commit `seen` with the effect: it is applied once."""

    event: M
    seen: Seen
    attempt: int = 1
    traceparent: str = ""


Batch = Sequence[Delivery[M]]


async def _none_known(event_ids: Sequence[str]) -> set[str]:
    """What a consumer without an inbox has applied."""
    return set()


@dataclass(frozen=True, slots=True)
class Consumer:
    """A consumer of the contract: an AsyncAPI receive operation bound to its handler's method.

    `keyed`: a batch holds one key's events only, in order. `decode` turns an envelope into its
    event. `patience`: seconds that a batch may take; None: what the bus grants all. `seen` tells
    which events the consumer has applied: `Store.seen` of the store that its marks are in.
    """

    name: str
    service: str
    channel: str
    types: frozenset[str]
    decode: Callable[[Envelope], Any]
    handle: Callable[[Sequence[Delivery[Any]]], Awaitable[None]]
    keyed: bool = True
    most: int = 100
    attempts: int = 8
    patience: float | None = None
    seen: Callable[[Sequence[str]], Awaitable[set[str]]] = _none_known


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """An event that a consumer refused for good, with the last reason."""

    consumer: str
    envelope: Envelope
    attempts: int
    reason: str
    at: str


class Bus(Protocol):
    """Carries envelopes to consumers: at least once, in order within a key until a message is
    retried.
    """

    async def start(self, consumers: Sequence[Consumer]) -> None:
        """Begins to deliver."""
        ...

    async def publish(self, envelopes: Sequence[Envelope]) -> None:
        """Takes events out of an outbox: when it returns they are kept, those of a key in order.

        Raises Unavailable, in bounded time; some may be kept then, and come twice.
        """
        ...

    async def drained(self, timeout: float = 10.0) -> bool:  # noqa: ASYNC109 # False, no exception
        """Waits until nothing is on its way, retries aside that wait for their time; False at the
        timeout.
        """
        ...

    async def dead_letters(self) -> list[DeadLetter]:
        """What was given up."""
        ...

    async def replay(self, consumer: str, event_id: str) -> bool:
        """Delivers a dead letter again; False when there is no such letter."""
        ...

    async def stop(self) -> None:
        """Finishes the batches under way and stops."""
        ...


class Listening(Protocol):
    """One subscription: an iterator of messages, for one task. It ends when it has fallen behind,
    was closed, or the fan-out was; what had arrived before is still read.
    """

    def __aiter__(self) -> AsyncIterator[bytes]: ...

    async def __anext__(self) -> bytes: ...

    @property
    def ended(self) -> bool:
        """Whether nothing more comes, and nothing is left to read."""
        ...

    def take(self) -> bytes | None:
        """The next message if one has arrived; never waits."""
        ...

    def on_arrival(self, wake: Callable[[], None]) -> None:
        """Calls `wake` whenever there may be something to take, the end included: so one task reads
        several.
        """
        ...

    async def aclose(self) -> None:
        """Ends it now; what it has not read is dropped."""
        ...


class Fanout(Protocol):
    """Live messages to whoever listens now, in every process. Not kept: a listener resumes from a
    store.
    """

    async def publish(self, channel: str, message: bytes) -> None:
        """To all that listen on `channel`."""
        ...

    def listen(self, channel: str, size: int = 256) -> Listening:
        """Messages from now on. A listener that falls `size` behind is ended, and so knows to
        resume.
        """
        ...


# --- the rest -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SearchQuery:
    """Full-text search among the expenses of `budgets`; amounts in minor units of `currency`.

    `category` is one, `categories` any of these; `tags` all of these. Without text, the order of
    relevance is newest; equally relevant hits come newest first. Further ties break by id.
    """

    budgets: tuple[str, ...]
    text: str = ""
    fuzzy: bool = True
    category: str | None = None
    tags: tuple[str, ...] = ()
    currency: str | None = None
    spent_from: date | None = None
    spent_to: date | None = None
    amount_from: int | None = None
    amount_to: int | None = None
    limit: int = 20
    offset: int = 0
    categories: tuple[str, ...] = ()
    order: Literal["relevance", "newest", "oldest"] = "relevance"


@dataclass(frozen=True, slots=True)
class Hit:
    """One found expense: its id, score, and HTML-escaped fragments with `<em>` by field.

    The score is 0 unless sorted by relevance. Only fields that matched have a fragment; that of
    `tags` holds the tags that did, joined by commas.
    """

    id: str
    score: float
    highlights: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Bucket:
    """One value of a facet, within one currency: how many, and their sum in minor units."""

    value: str
    currency: str
    count: int
    sum: int


@dataclass(frozen=True, slots=True)
class Found:
    """A page of hits, the count of all, and facets over all.

    Categories come with most hits first (the first 200), months oldest first, sums by currency.
    """

    hits: list[Hit]
    total: int
    by_category: list[Bucket]
    by_month: list[Bucket]
    sums: list[Bucket]


@dataclass(frozen=True, slots=True)
class SearchDocument:
    """What the index keeps of one expense; `version` guards against late events."""

    id: str
    version: int
    budget_id: str
    description: str
    note: str
    category: str
    tags: tuple[str, ...]
    currency: str
    amount: int
    spent_on: date


class SearchIndex(Protocol):
    """Full-text search.

    Promises: applying is durable when it returns, and the next search finds it; a lower version
    never undoes a higher one; nothing in a text is syntax but the quotes around phrases.
    """

    async def apply(self, put: Sequence[SearchDocument], delete: Mapping[str, int]) -> None:
        """Adds or replaces documents; deletes ids at their last version. Late ones are ignored."""
        ...

    async def delete_budget(self, budget_id: str) -> None:
        """Removes all of a budget's documents, for good: a late document of it is ignored."""
        ...

    async def search(self, query: SearchQuery) -> Found:
        """Hits by relevance (by day, newest first, where there is no text)."""
        ...

    async def suggest(
        self,
        budgets: Sequence[str],
        prefix: str,
        limit: int,
        fields: Sequence[str] = ("description", "category"),
    ) -> list[str]:
        """Values that begin with, or hold a word that begins with, `prefix`; the most frequent
        first.

        `fields` may name description, category and tags. Case and accents make no difference.
        """
        ...

    async def rebuild(self, documents: AsyncIterator[SearchDocument]) -> int:
        """A new index from `documents`, then switched to; the old one answers until then.

        Read `documents` from the store after the call: what is applied meanwhile wins over them by
        version.
        Returns how many were taken.
        """
        ...


@dataclass(frozen=True, slots=True)
class Mail:
    """A text mail."""

    to: str
    subject: str
    text: str
    link: str | None = None


class MailRefused(ValueError):
    """No attempt will ever bring a mail to this address. Says nothing of the address."""


class Mailer(Protocol):
    """Sends mail. Returns when the mail is handed over for good."""

    async def send(self, mail: Mail) -> None:
        """Hands the mail over. Raises Unavailable, and ValueError (MailRefused) where it is vain.

        Who sends on somebody's behalf to an address that another gave lets MailRefused be.
        """
        ...


class Clock(Protocol):
    """The time, so that tests can turn it."""

    def now(self) -> datetime:
        """Now, in UTC, with millisecond precision."""
        ...

    def today(self) -> date:
        """Today, in UTC."""
        ...


class Ids(Protocol):
    """TypeIDs: prefixed, time-sortable, unguessable."""

    def new(self, prefix: str) -> str:
        """A new id, such as `bud_01h455vb4pex5vsknk084sn02q`."""
        ...


class Health(Protocol):
    """A dependency as /health/ready shows it."""

    name: str

    async def check(self) -> Problem | None:
        """None when it answers."""
        ...
