"""The way to Elasticsearch: its client, and what its refusals mean."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Any
from urllib.parse import unquote, urlsplit

from elasticsearch import (
    ApiError,
    AsyncElasticsearch,
    AuthenticationException,
    ConnectionTimeout,
    NotFoundError,
    TransportError,
)

from runtime.problem import Unavailable
from runtime.settings import SettingsError

log = logging.getLogger("runtime.elasticsearch")

# Seconds for a search or a write, within an operation's deadline of 5.
PATIENCE = 3.0
_SHAPE = "ELASTIC_SEARCH_URL: must be http://host:port or https://host:port"


def client(url: str) -> AsyncElasticsearch:
    """A client for `url`, not connected yet. Raises SettingsError for a URL that is none."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise SettingsError([_SHAPE]) from None
    if not host:
        raise SettingsError([_SHAPE])
    secret: Any = None
    if parts.username is not None:
        secret = unquote(parts.username), unquote(parts.password or "")
    named = f"[{host}]" if ":" in host else host
    at = f"{parts.scheme}://{named}:{port or (443 if parts.scheme == 'https' else 9200)}"
    return AsyncElasticsearch(
        at + parts.path.rstrip("/"),
        basic_auth=secret,
        node_class=_node(),
        request_timeout=PATIENCE,
        # A connection that was kept open may be closed: once more. All that we ask may be repeated.
        max_retries=1,
        retry_on_timeout=False,
        retry_on_status=(),
        http_compress=False,
    )


@contextmanager
def answering() -> Iterator[None]:
    """What goes wrong on the way, or in a server that is overloaded, as Unavailable."""
    try:
        yield
    except TransportError as error:
        log.warning("elasticsearch does not answer: %s", type(error).__name__)
        raise Unavailable("The search index does not answer.") from None
    except NotFoundError as error:
        log.warning("elasticsearch has no index: %s", error.error)
        raise Unavailable("The search index is not there: rebuild it.") from None
    except ApiError as error:
        if error.status_code not in (403, 408, 409, 429, 500, 502, 503, 504):
            raise
        log.warning("elasticsearch refuses: %d %s", error.status_code, error.error)
        raise Unavailable("The search index cannot be used now.") from None


def unreachable(error: Exception, within: float) -> SettingsError:
    """Why a start is refused; nothing of the URL is in it."""
    if isinstance(error, AuthenticationException):
        fault = "refuses the user or the password"
    elif isinstance(error, (ConnectionTimeout, TimeoutError)):
        fault = f"does not answer within {within:g} s"
    elif isinstance(error, ApiError):
        fault = f"refuses to be used ({error.status_code})"
    else:
        fault = "cannot be reached"
    return SettingsError([f"ELASTIC_SEARCH_URL: the server {fault}"])


def _node() -> Any:
    """The way over HTTP, by its name. With aiohttp a search takes under half (bench/shared.py)."""
    return "aiohttp" if find_spec("aiohttp") else "httpxasync"
