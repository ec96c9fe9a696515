"""Refusals, as RFC 9457 problems. A problem knows its code; the contract's table knows the rest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

# Input errors listed in one answer (contract.md): more would let a small request ask for a large
# answer.
MOST_ERRORS = 100


@dataclass(frozen=True, slots=True)
class InputError:
    """One fault of the input: where (RFC 6901 pointer, or `?name` / `header:name`), which, and in
    words.
    """

    pointer: str
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class ProblemKind:
    """One row of the contract's problem table."""

    code: str
    status: int
    grpc: str
    graphql: str
    title: str


class Problem(Exception):
    """A refusal with a stable code. `detail` is shown to the caller, so it never quotes a secret or
    a store.
    """

    code: ClassVar[str] = "internal"

    def __init__(
        self,
        detail: str = "",
        *,
        pointer: str | None = None,
        message: str = "",
        errors: Sequence[InputError] = (),
        retry_after: float | None = None,
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.retry_after = retry_after
        listed = list(errors)
        if pointer is not None:
            listed.append(InputError(pointer, self.code, message or detail))
        self.errors: tuple[InputError, ...] = tuple(listed[:MOST_ERRORS])


# The platform's own refusals. Each code must stand in the contract's `x-problems`; the start checks
# it.


class Internal(Problem):
    """A defect of ours. The cause goes to the log only."""

    code = "internal"


class MalformedRequest(Problem):
    """The request cannot be read at all: broken JSON, bad encoding, a header out of its grammar."""

    code = "malformed-request"


class InvalidInput(Problem):
    """The schema refuses the input; `errors` lists every fault found."""

    code = "invalid-input"


class InvalidPageToken(Problem):
    """The page token is not one of this list's, with these filters and for this caller."""

    code = "invalid-page-token"


class Unauthenticated(Problem):
    """No identity, or one that is not valid (any more)."""

    code = "unauthenticated"


class Forbidden(Problem):
    """A known caller lacks the scope, or sees the resource and may not change it."""

    code = "forbidden"


class EmailUnverified(Problem):
    """The operation needs a verified address."""

    code = "email-unverified"


class NotFound(Problem):
    """Not there, or not visible to this caller."""

    code = "not-found"


class MethodNotAllowed(Problem):
    """The path exists, the method on it does not."""

    code = "method-not-allowed"


class RequestInProgress(Problem):
    """Another request with this idempotency key is still running."""

    code = "request-in-progress"


class VersionConflict(Problem):
    """Concurrent writers changed the entity more often than we try again."""

    code = "version-conflict"


class PreconditionFailed(Problem):
    """If-Match names a version that is no longer the entity's."""

    code = "precondition-failed"


class BodyTooLarge(Problem):
    """The body is larger than the operation takes."""

    code = "body-too-large"


class UnsupportedMediaType(Problem):
    """The operation does not take this content type."""

    code = "unsupported-media-type"


class KeyReused(Problem):
    """The idempotency key was used with another request."""

    code = "idempotency-key-reused"


class RateLimited(Problem):
    """Too many requests; `retry_after` in seconds."""

    code = "rate-limited"


class Unavailable(Problem):
    """A dependency does not answer, or not in time."""

    code = "unavailable"


class DeadlineExceeded(Unavailable):
    """The operation took longer than its deadline; to a client that is one code, `unavailable`."""


PLATFORM_PROBLEMS: tuple[type[Problem], ...] = (
    Internal,
    MalformedRequest,
    InvalidInput,
    InvalidPageToken,
    Unauthenticated,
    Forbidden,
    EmailUnverified,
    NotFound,
    MethodNotAllowed,
    RequestInProgress,
    VersionConflict,
    PreconditionFailed,
    BodyTooLarge,
    UnsupportedMediaType,
    KeyReused,
    RateLimited,
    Unavailable,
)
