"""What the contract says of one operation, as the pipeline needs it. Instances are generated."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class AccessRule:
    """`least` level on `resource`, whose id is the argument `argument` (`body.budget_id` reaches
    into the body).
    """

    resource: str
    argument: str
    least: str


@dataclass(frozen=True, slots=True)
class RateRule:
    """`limit` calls in `window` seconds, counted by each of `by`: caller, address, account."""

    policy: str = "default"
    limit: int = 600
    window: int = 60
    by: tuple[str, ...] = ("caller",)


@dataclass(frozen=True, slots=True)
class ListRule:
    """What a list operation sorts and filters by.

    `sort` pairs wire names with the entity's attributes, `default` is as on the wire
    (`-createdAt`);
    `filters` are (argument, attribute, comparison), the comparison one of eq, gte, lte, has.
    """

    sort: tuple[tuple[str, str], ...]
    default: str
    filters: tuple[tuple[str, str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation of the contract."""

    id: str
    method: str
    service: str
    scope: str | None = None
    access: tuple[AccessRule, ...] = ()
    verified: bool = False
    rate: RateRule = RateRule()
    deadline: float = 5.0
    body_limit: int = 1 << 20
    idempotent: bool = False
    conditional: bool = False
    write: bool = False
    listing: ListRule | None = None
    problems: tuple[str, ...] = ()
    public: bool = False
    # The query parameter by which a one-time ticket may stand in for the Authorization header.
    ticket: str | None = None
