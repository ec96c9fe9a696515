"""Where websockets lead: by path, and from pages of the allow-list only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from urllib.parse import urlsplit

from runtime.foreign import Asgi
from runtime.rest import Receive, Scope, Send

# RFC 6455: what is asked for is not allowed here.
_REFUSED = 1008


class Sockets:
    """An ASGI application of the applications at its paths."""

    def __init__(self, paths: Mapping[str, Asgi], origins: Sequence[str]) -> None:
        self._paths = dict(paths)
        self._origins = frozenset(origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one connection; refuses it before it is open where it may not be."""
        app = self._paths.get(scope["path"])
        if app is None or not self._welcome(scope):
            await receive()
            await send({"type": "websocket.close", "code": _REFUSED, "reason": "not allowed here"})
            return
        await app(scope, receive, send)

    def _welcome(self, scope: Scope) -> bool:
        """A page's socket bears its cookies and its network place, so it is asked whose it is.

        Programs name no origin. A page of our own host is always welcome.
        """
        headers = dict(scope["headers"])
        origin = headers.get(b"origin", b"").decode("latin-1")
        if not origin or origin in self._origins:
            return True
        return bool(urlsplit(origin).netloc.encode("latin-1") == headers.get(b"host", b""))
