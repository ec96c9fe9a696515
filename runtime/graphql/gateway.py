"""GraphQL over HTTP (draft of 2025): POST and GET, both media types, and GraphiQL for browsers.

What answers is loaded at the first request: Strawberry and graphql-core cost 0.2 s and 12 MB that a
process which nobody asks by GraphQL need not spend.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from time import perf_counter
from typing import TYPE_CHECKING, Any

from pydantic_core import from_json

from runtime.graphql.asked import Answer, Asked, Asker, read_asked
from runtime.graphql.limits import Limits
from runtime.metrics import Metrics
from runtime.problem import (
    Internal,
    InvalidInput,
    MalformedRequest,
    Problem,
    ProblemKind,
    Unauthenticated,
    UnsupportedMediaType,
)
from runtime.refusal import document, refusal
from runtime.rest import Header, Request, Response, bearer

if TYPE_CHECKING:
    from runtime.graphql.engine import Engine

RESPONSE_JSON = "application/graphql-response+json"
JSON = "application/json"
Route = Callable[[Request], Awaitable[Response]]
Page = Callable[[], Response]


class Loader:
    """The engine, once somebody needs it; made in a thread, so that nobody else waits."""

    def __init__(self, load: Callable[[], Engine]) -> None:
        self._load = load
        self._engine: Engine | None = None
        self._loading = asyncio.Lock()

    async def __call__(self) -> Engine:
        if self._engine is None:
            async with self._loading:
                if self._engine is None:
                    self._engine = await asyncio.to_thread(self._load)
        return self._engine


class Gateway:
    """The routes of one path."""

    def __init__(
        self,
        load: Loader,
        problems: Mapping[str, ProblemKind],
        limits: Limits,
        metrics: Metrics,
        page: Page | None = None,
    ) -> None:
        self._load = load
        self._problems = problems
        self._limits = limits
        self._metrics = metrics
        self._page = page

    @property
    def routes(self) -> dict[str, Route]:
        """Method → route."""
        return {"GET": self.get, "POST": self.post}

    async def post(self, request: Request) -> Response:
        """A document in the body, or a few of them."""
        request.protocol = "graphql"
        media = _media(request)
        try:
            if media is None:
                raise UnsupportedMediaType(f"Accept {RESPONSE_JSON} or {JSON}.")
            raw = request.headers.get(b"content-type")
            if raw is None:
                raise UnsupportedMediaType(f"Send {JSON}.")
            request.media_type((JSON,))
            body = _json(await request.body(self._limits.body))
            asker = _asker(request)
            if isinstance(body, list):
                return await self._batch(request, media, asker, body)
            return await self._answered(request, media, asker, read_asked(body))
        except Problem as problem:
            return self._refused(request, media or JSON, problem)

    async def get(self, request: Request) -> Response:
        """A query in the URL; GraphiQL for a browser that asks for a page."""
        request.protocol = "graphql"
        media = _media(request)
        try:
            query = request.query()
            asks = not query.keys().isdisjoint(("query", "documentId", "extensions"))
            if not asks and self._page is not None and _wants_page(request):
                return self._page()
            if media is None:
                raise UnsupportedMediaType(f"Accept {RESPONSE_JSON} or {JSON}.")
            body: dict[str, Any] = dict(query)
            for name in ("variables", "extensions"):
                if name in body:
                    body[name] = _json(body[name].encode("utf-8", "surrogatepass"))
            return await self._answered(
                request, media, _asker(request), read_asked(body), safe=True
            )
        except Problem as problem:
            return self._refused(request, media or JSON, problem)

    async def _answered(
        self, request: Request, media: str, asker: Asker, asked: Asked, *, safe: bool = False
    ) -> Response:
        engine = await self._load()
        began = perf_counter()
        answer = await engine.answer(asked, asker, safe=safe)
        self._count(request, answer, perf_counter() - began)
        text = answer.text.encode()
        if answer.executed:
            return Response(200, [(b"content-type", _typed(media))], text)
        return self._problem_response(request, media, answer.problem or Internal(), text)

    async def _batch(
        self, request: Request, media: str, asker: Asker, bodies: Sequence[Any]
    ) -> Response:
        """Several requests, one after the other; the answer is the list of theirs."""
        most = self._limits.batch
        if not 1 <= len(bodies) <= most:
            raise InvalidInput(f"A batch has 1 to {most} requests.")
        everything = [read_asked(body) for body in bodies]
        engine = await self._load()
        texts = []
        for asked in everything:
            began = perf_counter()
            answer = await engine.answer(asked, asker)
            self._count(request, answer, perf_counter() - began)
            texts.append(answer.text)
        text = f"[{','.join(texts)}]".encode()
        return Response(200, [(b"content-type", _typed(media))], text)

    def _count(self, request: Request, answer: Answer, seconds: float) -> None:
        """The tightest call names the request at the edge; the others are counted here."""
        for call in answer.calls:
            made = request.call_made
            if made is None:
                request.call_made = call
                continue
            if made.rate is None or (call.rate is not None and call.rate[0] < made.rate[0]):
                request.call_made, call = call, made
            self._metrics.observe(call.operation.id, "graphql", 200, seconds)

    def _refused(self, request: Request, media: str, problem: Problem) -> Response:
        """A request that never came to a document."""
        kind = self._problems.get(problem.code) or self._problems["internal"]
        told = json.loads(document(self._problems, problem, request.request_id))
        entry = {
            "message": problem.detail or kind.title,
            "extensions": {"code": kind.graphql, "problem": told},
        }
        text = json.dumps({"errors": [entry]}, separators=(",", ":")).encode()
        response = self._problem_response(request, media, problem, text)
        response.status = kind.status
        return response

    def _problem_response(
        self, request: Request, media: str, problem: Problem, text: bytes
    ) -> Response:
        """The status and headers that the problem has on REST, and a GraphQL body.

        application/json tells what is wrong with a document by the body alone (GraphQL over HTTP,
        6.4.1): only what stopped it before it was looked at shows in the status.
        """
        response = refusal(self._problems, problem, request.request_id)
        if media == JSON and response.status == 400:
            response.status = 200
        headers: list[Header] = [h for h in response.headers if h[0] != b"content-type"]
        return Response(response.status, [(b"content-type", _typed(media)), *headers], text)


def _typed(media: str) -> bytes:
    return f"{media}; charset=utf-8".encode()


def _json(raw: bytes) -> Any:
    try:
        return from_json(raw, allow_inf_nan=False)
    except ValueError:
        raise MalformedRequest("The body is not JSON.") from None


def _asker(request: Request) -> Asker:
    authorization = request.headers.get(b"authorization")
    try:
        token = None if authorization is None else bearer(authorization)
    except Unauthenticated:
        # Told by each field that needs an identity, as a token that is wrong is.
        token = ""
    return Asker(
        request.request_id,
        token,
        request.address,
        request.traceparent,
        request.headers.get(b"user-agent", b"").decode("latin-1")[:300],
    )


def _wants_page(request: Request) -> bool:
    """Browsers name text/html; programs never do."""
    return b"text/html" in request.headers.get(b"accept", b"")


def _media(request: Request) -> str | None:
    """The media type that the client likes best of ours; None where it likes neither.

    Without an Accept header, and for `*/*`, it is application/json (GraphQL over HTTP, 5.2.2).
    """
    raw = request.headers.get(b"accept")
    if raw is None:
        return JSON
    best: tuple[float, str] | None = None
    for part in raw.decode("latin-1").split(","):
        name, *parameters = (piece.strip().lower() for piece in part.split(";"))
        quality = 1.0
        for parameter in parameters:
            if parameter.startswith("q="):
                try:
                    quality = float(parameter[2:])
                except ValueError:
                    quality = 0.0
        media = name if name in (RESPONSE_JSON, JSON) else None
        if name in ("*/*", "application/*"):
            media = JSON
        if media is not None and quality > 0 and (best is None or quality > best[0]):
            best = (quality, media)
    return None if best is None else best[1]
