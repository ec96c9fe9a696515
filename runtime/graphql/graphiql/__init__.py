"""GraphiQL from local files: no page of ours loads anything from elsewhere."""

from __future__ import annotations

import gzip
from collections.abc import Awaitable, Callable
from functools import lru_cache
from pathlib import Path

from runtime.rest import JSON, Request, Response

_HERE = Path(__file__).parent
_TYPES = {".js": b"text/javascript; charset=utf-8", ".css": b"text/css; charset=utf-8"}
# Others' files, packed by tools/graphiql.
_PACKED = ("react.js", "react-dom.js", "graphql-ws.js", "graphiql.js", "graphiql.css")
# A browser asks again after an hour; what it gets is megabytes, and hardly ever another.
_PACKING = ((b"content-encoding", b"gzip"), (b"vary", b"Accept-Encoding"))
_KEPT = (b"cache-control", b"public, max-age=3600")


def page() -> Response:
    """The page that a browser gets in place of an answer."""
    headers = [(b"content-type", b"text/html; charset=utf-8"), (b"vary", b"Accept")]
    return Response(200, headers, _read(_HERE / "index.html"), document=True)


def files(
    path: str, examples: Path
) -> dict[str, dict[str, Callable[[Request], Awaitable[Response]]]]:
    """Routes of the page's files, below `path`; `examples` is a generated file."""
    routes = {f"{path}/{name}": _route(name, _HERE / f"{name}.gz") for name in _PACKED}
    routes |= {f"{path}/{name}": _route(name, _HERE / name) for name in ("page.js", "page.css")}
    return routes | {f"{path}/examples.json": _route("examples.json", examples)}


def _route(name: str, file: Path) -> dict[str, Callable[[Request], Awaitable[Response]]]:
    kind = _TYPES.get(Path(name).suffix)
    headers = [JSON if kind is None else (b"content-type", kind), _KEPT]

    async def get(request: Request) -> Response:
        if file.suffix != ".gz":
            return Response(200, headers, _read(file), document=True)
        if b"gzip" in request.headers.get(b"accept-encoding", b""):
            return Response(200, [*headers, *_PACKING], _read(file), document=True)
        return Response(200, headers, gzip.decompress(_read(file)), document=True)

    return {"GET": get}


@lru_cache(maxsize=16)
def _read(file: Path) -> bytes:
    return file.read_bytes()
