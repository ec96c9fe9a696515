"""The table's requests as rpcs: the same ids, the same bodies, by the specs' naming rules."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import parse_qsl

from google.protobuf.message import Message

from generated.grpc.methods import METHODS
from runtime.grpc.methods import Watch
from tests.access.requests import PLACES, Things, body_of, path_of
from tests.grpc.messages import RPCS, internal, request_class
from tests.grpc.twin import as_message

# Operation → its rpc; those that watch are no operations.
PATHS: dict[str, str] = {
    METHODS[path].operation.id: path
    for path, rpc in RPCS.items()
    if not internal(rpc) and rpc.name.lower() == METHODS[path].operation.id.lower()
}
WATCH_BUDGET = "/budget.v1.BudgetService/WatchBudget"
CHAT = "/budget.v1.NotificationService/Chat"
IMPORT = PATHS["importExpenses"]
STREAMS = [PATHS["streamNotifications"], PATHS["exportExpenses"], WATCH_BUDGET]
assert isinstance(METHODS[WATCH_BUDGET], Watch)


def arguments_of(operation: str, things: Things) -> dict[str, Any]:
    """What the table's request says, by REST's names."""
    template = re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", PLACES[operation].path)
    path, _, query = path_of(operation, things).partition("?")
    found = re.fullmatch(template, path)
    assert found is not None, path
    body = body_of(operation, things)
    values: dict[str, Any] = {**found.groupdict(), **dict(parse_qsl(query))}
    return values | ({} if body is None else {"body": body})


def message_of(operation: str, things: Things) -> Message:
    """The table's request as a message; of an import, what comes first."""
    values = arguments_of(operation, things)
    if operation == "importExpenses":
        values = {"start": values}
    return as_message(request_class(PATHS[operation]), values)
