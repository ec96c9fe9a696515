"""The live second opinion: openapi-core checks a sample of real answers against the contract.

It takes 1 to 9 ms an answer, so it happens in a thread, and for a few. What it finds is counted,
and logged once by its place in the contract; data never gets into the log.
"""

from __future__ import annotations

import json
import logging
import re
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from queue import Full, Queue
from random import random
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from openapi_core import OpenAPI

logger = logging.getLogger(__name__)

Headers = Sequence[tuple[bytes, bytes]]

# Answers that wait to be checked, and the size above which one is not.
MOST_WAITING = 32
LONGEST = 1 << 20
# Different findings that are logged; all are counted.
_MOST_LOGGED = 1000
_MOST_REASONS = 10
# Keys of JSON that may be shown: a name of the contract's kind. Others could be data.
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9]{0,40}")
UNMATCHED = "unmatched"


@dataclass(frozen=True, slots=True)
class Exchange:
    """An answer, and what it is to; `path` is without the query."""

    method: str
    path: str
    status: int
    headers: Headers
    body: bytes


class Monitor:
    """Checks the share `rate` of the answers it is offered; `drift` is told of each that differs.

    openapi-core is loaded, and the contract read, when the first answer is checked: 1.5 s in the
    thread that the start need not wait for.
    """

    def __init__(
        self,
        spec: Mapping[str, Any],
        rate: float,
        drift: Callable[[str], None],
        *,
        read: Callable[[Mapping[str, Any]], OpenAPI] | None = None,
    ) -> None:
        self._spec = spec
        self._rate = rate
        self._drift = drift
        self._read = read or read_contract
        self._waiting: Queue[Exchange | None] = Queue(MOST_WAITING)
        self._logged: set[str] = set()
        # How many answers were checked, passed over for want of room, and could not be checked.
        self.counts: Counter[str] = Counter()
        self._thread = threading.Thread(target=self._run, name="monitor", daemon=True)
        self._thread.start()

    def offer(
        self,
        method: str,
        path: str,
        status: int,
        headers: Headers,
        body: bytes,
    ) -> None:
        """An answer, and the request it is to; `path` is without the query. Never waits."""
        # A sample, not a secret.
        if random() >= self._rate:  # noqa: S311 # a sample, not a secret
            return
        # Method and path are an answer's place in the contract; all else of a request may hold
        # secrets, and is not taken.
        if len(body) > LONGEST:
            self.counts["passed over"] += 1
            return
        try:
            self._waiting.put_nowait(Exchange(method, path, status, headers, body))
        except Full:
            self.counts["passed over"] += 1

    def flush(self) -> None:
        """Waits until everything taken so far is checked."""
        self._waiting.join()

    def close(self, timeout: float = 2.0) -> None:
        """Checks what waits, and ends."""
        self._rate = 0.0
        if self._thread.is_alive():
            self._waiting.put(None)
            self._thread.join(timeout)

    def _run(self) -> None:
        openapi: OpenAPI | None = None
        while (exchange := self._waiting.get()) is not None:
            try:
                openapi = openapi or self._read(self._spec)
                self._check(openapi, exchange)
                self.counts["checked"] += 1
            except Exception as error:
                # Only the type: openapi-core's messages quote what they are about.
                self.counts["failed"] += 1
                self._say(f"an answer could not be checked: {type(error).__name__}")
            finally:
                self._waiting.task_done()
        self._waiting.task_done()

    def _check(self, openapi: OpenAPI, exchange: Exchange) -> None:
        operation, reasons = findings(openapi, exchange)
        if reasons:
            self._drift(operation)
            for reason in reasons[:_MOST_REASONS]:
                self._say(f"{operation} {exchange.status}: {reason}")

    def _say(self, finding: str) -> None:
        if finding not in self._logged and len(self._logged) < _MOST_LOGGED:
            self._logged.add(finding)
            logger.warning("contract drift: %s", finding)


def read_contract(spec: Mapping[str, Any]) -> OpenAPI:
    """The contract as openapi-core has it. Loads that library, so it takes its time."""
    from openapi_core import Config, OpenAPI

    # It reads none of these by itself, and would compare bytes with their schemas.
    readers: dict[str, Callable[..., Any]] = {
        "application/problem+json": lambda body, **_: json.loads(body),
        "text/csv": lambda body, **_: body.decode(),
        "text/event-stream": lambda body, **_: body.decode(),
    }
    config = Config(extra_media_type_deserializers=readers)
    return OpenAPI.from_dict(dict(spec), config=config)


def findings(openapi: OpenAPI, exchange: Exchange) -> tuple[str, list[str]]:
    """The operation, and how the answer differs from its contract: `/members/0: required id`."""
    errors = openapi.iter_response_errors(_Asked(exchange), _Answered(exchange))
    return _operation(openapi, exchange), [each for error in errors for each in _reasons(error)]


def _operation(openapi: OpenAPI, exchange: Exchange) -> str:
    from openapi_core.templating.paths.exceptions import PathError
    from openapi_core.templating.paths.finders import APICallPathFinder

    url = _HOST + exchange.path
    try:
        found = APICallPathFinder(openapi.spec).find(exchange.method.lower(), url)
    except PathError:
        return UNMATCHED
    return str((found.operation / "operationId").read_str(UNMATCHED))


def _reasons(error: Exception) -> Iterator[str]:
    """Where and which, in the contract's words only."""
    cause = error.__cause__ or error
    header = getattr(error, "name", None)
    where = f"header {header}: " if isinstance(header, str) else ""
    found = list(getattr(cause, "schema_errors", ()))
    if not found:
        yield where + _words(type(cause).__name__)
    for each in found:
        place = "".join(f"/{_shown(key)}" for key in each.absolute_path)
        rule = str(each.validator)
        if rule == "required" and isinstance(each.instance, Mapping):
            rule += f" {', '.join(sorted(set(each.validator_value) - each.instance.keys()))}"
        yield f"{where}{place or '/'}: {rule}"


def _shown(key: str | int) -> str:
    return str(key) if isinstance(key, int) or _NAME.fullmatch(key) else "*"


def _words(name: str) -> str:
    """`ResponseNotFound` → `response not found`."""
    return re.sub(r"(?<!^)(?=[A-Z])", " ", name).lower()


# --- an exchange as openapi-core sees one ---------------------------------------------------------

_HOST = "http://localhost"


class _Lookup(Mapping[str, str]):
    """Headers by name, in any case."""

    def __init__(self, headers: Headers) -> None:
        self._values = {
            name.decode("latin-1").lower(): value.decode("latin-1") for name, value in headers
        }

    def __getitem__(self, name: str) -> str:
        return self._values[name.lower()]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)


class _Asked:
    """openapi_core.protocols.Request, as far as the check of an answer needs it."""

    host_url = _HOST
    body: bytes | None = None
    content_type = ""

    def __init__(self, exchange: Exchange) -> None:
        from openapi_core.datatypes import RequestParameters

        self.method = exchange.method.lower()
        self.path = exchange.path
        self.parameters = RequestParameters()


class _Answered:
    """openapi_core.protocols.Response."""

    def __init__(self, exchange: Exchange) -> None:
        self.headers = _Lookup(exchange.headers)
        self.status_code = exchange.status
        self.content_type = self.headers.get("content-type", "").lower()
        self.data: bytes | None = exchange.body
