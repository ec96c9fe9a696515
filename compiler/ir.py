"""The Contract: what four specs say together. Frozen, sorted, and every node knows where it was
said.

Parsers and the linker build it, emitters read it, and nothing else passes between them. Long
because what an emitter can ask for is seen on one page.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from compiler.source import Span

Scalar = str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class Bounds:
    """What narrows a type. None means unbounded."""

    min_length: int | None = None
    max_length: int | None = None
    pattern: str | None = None
    minimum: int | float | None = None
    maximum: int | float | None = None
    exclusive_minimum: bool = False
    exclusive_maximum: bool = False
    multiple_of: int | float | None = None
    min_items: int | None = None
    max_items: int | None = None
    unique_items: bool = False
    min_properties: int | None = None
    max_properties: int | None = None


Kind = Literal[
    "string", "integer", "number", "boolean", "array", "map", "object", "union", "ref", "any"
]


@dataclass(frozen=True, slots=True)
class Type:
    """A type as a place uses it. `ref` names a Schema; `item` is an array's or a map's element;
    `members` a union's; `fields` an inline object's; `enum` a string's or integer's values."""

    kind: Kind
    span: Span
    format: str | None = None
    ref: str | None = None
    item: Type | None = None
    members: tuple[Type, ...] = ()
    fields: tuple[Field, ...] = ()
    closed: bool = False
    discriminator: str | None = None
    # A tagged union's (tag, schema) pairs, complete.
    mapping: tuple[tuple[str, str], ...] = ()
    # `oneOf`: a value that fits two members fits none.
    exclusive: bool = False
    bounds: Bounds = Bounds()
    enum: tuple[Scalar, ...] = ()
    nullable: bool = False


@dataclass(frozen=True, slots=True)
class Field:
    """A property. `name` as on the JSON wire, `python` as an attribute."""

    name: str
    python: str
    type: Type
    required: bool
    span: Span
    default: Any = None
    has_default: bool = False
    read_only: bool = False
    write_only: bool = False
    doc: str = ""


@dataclass(frozen=True, slots=True)
class EntityInfo:
    """`x-entity`: where and how a schema's instances are kept. Field names as on the wire."""

    service: str
    home: str
    table: str
    prefix: str
    internal: bool
    key: str
    unique: tuple[tuple[str, ...], ...]
    indexes: tuple[tuple[str, ...], ...]
    sets: tuple[tuple[str, tuple[str, ...]], ...]
    private: tuple[Field, ...]
    money: tuple[tuple[str, str], ...]
    span: Span


@dataclass(frozen=True, slots=True)
class SearchInfo:
    """`x-search`: what of an entity the full-text index takes."""

    text: tuple[str, ...]
    filters: tuple[str, ...]
    facets: tuple[str, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Schema:
    """A named type. `type.kind` is `object` with fields, else it is an alias or an enum."""

    name: str
    python: str
    type: Type
    span: Span
    doc: str = ""
    entity: EntityInfo | None = None
    search: SearchInfo | None = None
    # `x-decimals` of a currency enum: (value, decimals of an amount in it).
    decimals: tuple[tuple[str, int], ...] = ()
    # The schema as the spec has it, `$ref`s kept: what datamodel-code-generator is given.
    raw: Any = field(default=None, repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class Parameter:
    """A REST parameter. `python` is the handler's argument."""

    name: str
    python: str
    location: Literal["path", "query", "header", "cookie"]
    type: Type
    required: bool
    span: Span
    default: Any = None
    has_default: bool = False
    style: str = "form"
    explode: bool = True
    doc: str = ""


@dataclass(frozen=True, slots=True)
class Media:
    """One content type of a body or a response. `encoding`: a multipart form's (property, content
    type).
    """

    name: str
    type: Type
    span: Span
    encoding: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Body:
    """A request body."""

    required: bool
    content: tuple[Media, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Response:
    """`status` is `200`, `2XX` or `default`."""

    status: str
    content: tuple[Media, ...]
    headers: tuple[str, ...]
    span: Span
    doc: str = ""


@dataclass(frozen=True, slots=True)
class Rest:
    """An operation's HTTP binding. `path` includes the server's base path."""

    method: str
    path: str
    parameters: tuple[Parameter, ...]
    body: Body | None
    responses: tuple[Response, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Rpc:
    """An operation's gRPC binding."""

    service: str
    name: str
    request: str
    response: str
    client_stream: bool
    server_stream: bool
    span: Span
    # (field of the request, the handler's argument). Of a client stream: of its `start` message.
    arguments: tuple[tuple[str, str], ...] = ()
    # Of a client stream whose request is a oneof: the member that holds the arguments, the one that
    # holds a row, and the row's message.
    start: str = ""
    row: str = ""
    row_message: str = ""


@dataclass(frozen=True, slots=True)
class Stream:
    """An rpc that is no operation: `watches` what one would answer, `sends` what another takes."""

    rpc: Rpc
    watches: str
    sends: str | None
    service: str
    span: Span
    doc: str = ""


@dataclass(frozen=True, slots=True)
class GraphField:
    """An operation's GraphQL field (a list operation has two). `arguments` are (name, the handler's
    argument). `gives`: its result, the items of its page, the page, or a subscription's event."""

    root: Literal["query", "mutation", "subscription"]
    name: str
    span: Span
    arguments: tuple[tuple[str, str], ...] = ()
    gives: Literal["result", "items", "page", "event"] = "result"
    # The field's type as SDL writes it, such as `[Budget!]!`.
    type: str = ""
    # Of a nested field: the type it is in, and that type's field which is the argument `id`.
    owner: str = ""
    parent: str = ""


@dataclass(frozen=True, slots=True)
class Security:
    """A way to say who calls: `bearer`, or `apiKey` in `location` (query, header, cookie) called
    `key`.
    """

    name: str
    kind: Literal["bearer", "apiKey"]
    span: Span
    location: str = ""
    key: str = ""


@dataclass(frozen=True, slots=True)
class Access:
    """`x-access`: at least `least` on the `resource` whose id is `argument` (`body.budgetId`
    reaches in).
    """

    resource: str
    argument: str
    least: str
    span: Span


@dataclass(frozen=True, slots=True)
class Rate:
    """`x-rate`."""

    policy: str = "default"
    limit: int = 600
    window: int = 60
    by: tuple[str, ...] = ("caller",)


@dataclass(frozen=True, slots=True)
class Listing:
    """`x-list`: a page operation's entity, sortable fields, and filters (argument, field,
    comparison).
    """

    entity: str
    sort: tuple[str, ...]
    default: str
    filters: tuple[tuple[str, str, str], ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation as all protocols see it."""

    id: str
    python: str
    service: str
    span: Span
    summary: str = ""
    doc: str = ""
    rest: Rest | None = None
    rpc: Rpc | None = None
    graphql: tuple[GraphField, ...] = ()
    public: bool = False
    scope: str | None = None
    access: tuple[Access, ...] = ()
    verified: bool = False
    rate: Rate = Rate()
    deadline: float = 5.0
    body_limit: int = 1 << 20
    idempotent: bool = False
    conditional: bool = False
    listing: Listing | None = None
    problems: tuple[str, ...] = ()
    emits: tuple[str, ...] = ()
    # (protocol, reason) of each protocol that leaves the operation out.
    left_out: tuple[tuple[str, str], ...] = ()
    internal: bool = False
    # Names of the Security rows, any of which says who calls.
    credentials: tuple[str, ...] = ()
    deprecated: bool = False
    # Of an internal operation, which has no REST binding: what its handler takes and gives.
    arguments: tuple[Field, ...] = ()
    result: Type | None = None


@dataclass(frozen=True, slots=True)
class Problem:
    """A row of `x-problems`."""

    code: str
    python: str
    status: int
    grpc: str
    graphql: str
    title: str
    span: Span


@dataclass(frozen=True, slots=True)
class Role:
    """A row of `x-roles`; `scopes` include those of the roles it includes."""

    name: str
    scopes: tuple[str, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Resource:
    """A row of `x-resources`: who knows who may do what with it, and the levels, lowest first."""

    name: str
    service: str
    levels: tuple[str, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Event:
    """An event type: `type` is `expense.updated.v1`. `data` is its payload's fields (before?,
    after?, or a view); `key` the path in data of the aggregate's id, such as `budgetId`.
    """

    type: str
    python: str
    channel: str
    data: Type
    key: str
    subject: str
    span: Span
    doc: str = ""
    # The entity that it is about: of its before and after, or what it is a view of.
    entity: str = ""
    # The services that publish it.
    services: tuple[str, ...] = ()
    # What is around `data` on the wire, its type included.
    envelope: tuple[Field, ...] = ()


@dataclass(frozen=True, slots=True)
class Message:
    """What a channel carries that is no event: a frame of the socket, a hint, a dead letter."""

    name: str
    python: str
    payload: Type
    span: Span
    doc: str = ""


@dataclass(frozen=True, slots=True)
class Topic:
    """`x-topics`: what clients of a socket hear of under `address`, as `chat/{room}`.

    `watches` is the operation whose answer comes, `sends` the one by which clients say something.
    """

    address: str
    watches: str
    sends: str | None
    span: Span

    @property
    def head(self) -> str:
        """The address without its parameter: `chat`."""
        return self.address.partition("/")[0]

    @property
    def argument(self) -> str | None:
        """The parameter that ends the address: `room`."""
        return self.address.partition("/")[2].strip("{}") or None


@dataclass(frozen=True, slots=True)
class Channel:
    """An AsyncAPI channel. `transport` is kafka, amqp, redis or ws."""

    name: str
    address: str
    transport: str
    events: tuple[str, ...]
    span: Span
    doc: str = ""
    # The messages it takes and gives, seen from the server.
    received: tuple[str, ...] = ()
    sent: tuple[str, ...] = ()
    # The channel that what its consumers give up goes to.
    dead_letters: str = ""
    # As AsyncAPI has them, by transport: partitions, retention, queue.
    bindings: Any = None
    # Of a socket: what its clients hear of, why it closes, and the subprotocol that it speaks.
    topics: tuple[Topic, ...] = ()
    close_codes: tuple[tuple[int, str], ...] = ()
    subprotocol: str = ""


@dataclass(frozen=True, slots=True)
class Consumer:
    """An AsyncAPI receive operation: `service`'s method `python` takes `events` of `channel`."""

    id: str
    python: str
    service: str
    channel: str
    events: tuple[str, ...]
    span: Span
    doc: str = ""
    emits: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Service:
    """One of the services, with its operations and consumers by name."""

    name: str
    python: str
    operations: tuple[str, ...]
    consumers: tuple[str, ...]
    span: Span
    doc: str = ""


@dataclass(frozen=True, slots=True)
class Contract:
    """All of it. Tuples are sorted by name: the order of the specs' maps changes nothing."""

    title: str
    version: str
    base_path: str
    services: tuple[Service, ...]
    operations: tuple[Operation, ...]
    schemas: tuple[Schema, ...]
    problems: tuple[Problem, ...]
    roles: tuple[Role, ...]
    resources: tuple[Resource, ...]
    events: tuple[Event, ...]
    channels: tuple[Channel, ...]
    consumers: tuple[Consumer, ...]
    security: tuple[Security, ...] = ()
    streams: tuple[Stream, ...] = ()
    messages: tuple[Message, ...] = ()
    # The proto package, and the serialized FileDescriptorSet with its imports.
    package: str = ""
    proto: bytes = field(default=b"", repr=False, compare=False)
    # The SDL's syntax tree (graphql-core), and the AsyncAPI document (plain dicts and lists).
    graphql: Any = field(default=None, repr=False, compare=False)
    asyncapi: Any = field(default=None, repr=False, compare=False)
    # The OpenAPI document as read (plain dicts and lists), for the emitters that hand it to a
    # library.
    openapi: Any = field(default=None, repr=False, compare=False)

    def schema(self, name: str) -> Schema:
        """The schema called `name`. Raises KeyError."""
        for schema in self.schemas:
            if schema.name == name:
                return schema
        raise KeyError(name)
