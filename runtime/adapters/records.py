"""Messages as brokers hand them out and take them: an event, or one put aside for a consumer.

What a consumer failed on is a message of its own, for that consumer alone, in the retries or among
the dead letters: the body as it came, and the headers below, after the contract's `deadLetter`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from runtime import cloudevents
from runtime.ports import DeadLetter, Envelope

CONSUMER = "x-consumer"
REASON = "x-reason"
ATTEMPTS = "x-attempts"
FAILED_AT = "x-failed-at"
# Ours: whose consumer, which event (also where it cannot be read), and when it is due.
SERVICE = "x-service"
EVENT = "x-event"
DUE = "x-due"
OURS = (CONSUMER, REASON, ATTEMPTS, FAILED_AT, SERVICE, EVENT, DUE)
# Headers that are passed on with a message: foreign ones could fill the broker's limit.
MOST_HEADERS = 32
MOST_REASON = 500


@dataclass(slots=True, eq=False)
class Record:
    """A message as a broker hands it out. `place` names one that has no id of its own; `token` and
    `at` are the adapter's; `doubtful`: it may have been handed out before.
    """

    body: bytes
    headers: Mapping[str, bytes]
    key: str
    place: str
    token: Any = None
    doubtful: bool = False
    at: int = 0
    # Consumers that are not done with it.
    left: int = 0

    def text(self, name: str) -> str:
        """A header as text, "" without it."""
        return self.headers.get(name, b"").decode("utf-8", "replace")

    def number(self, name: str) -> int:
        """A header as a number, 0 where it is none."""
        text = self.headers.get(name, b"")
        return int(text) if text.isdigit() and len(text) < 16 else 0

    @property
    def again(self) -> bool:
        """Whether it was put aside for one consumer."""
        return CONSUMER in self.headers


@dataclass(frozen=True, slots=True)
class Aside:
    """A message for the retries, or for the dead letters where it is not `due` any more."""

    body: bytes
    headers: dict[str, str]
    key: str
    due: bool


def dead_letter(record: Record, channel: str) -> DeadLetter:
    """What a message among the dead letters says; its data is the whole body where that is no
    event.
    """
    event = record.text(EVENT) or record.place
    at = record.text(FAILED_AT)
    try:
        envelope = cloudevents.read(record.body, record.headers, channel, record.key)
        envelope = replace(envelope, id=event if EVENT in record.headers else envelope.id)
    except ValueError:
        envelope = Envelope(event, "", channel, record.key, "", 0, at, record.body)
    reason = record.text(REASON)
    return DeadLetter(record.text(CONSUMER), envelope, record.number(ATTEMPTS), reason, at)


def replayed(record: Record) -> Aside:
    """The dead letter as a message for the retries: due now, its attempts counted anew."""
    headers = {name: record.text(name) for name in record.headers}
    headers |= {ATTEMPTS: "0", DUE: "0"}
    return Aside(record.body, headers, record.key, True)
