"""The pages beside the contract's operations: health, metrics, the served contract, problems."""

from __future__ import annotations

import asyncio
import html
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path

from runtime.metrics import Metrics
from runtime.ports import Health
from runtime.problem import ProblemKind
from runtime.rest import JSON, Response

Page = Callable[[], Awaitable[Response]]
# A dependency that does not answer in time counts as down.
_PATIENCE = 2.0


def pages(
    *,
    spec: Path,
    problems: Mapping[str, ProblemKind],
    metrics: Metrics,
    health: Sequence[Health],
    ready: Callable[[], bool],
) -> dict[str, Page]:
    """Path → page."""
    contract = spec.read_bytes()
    listed = _problems(problems)

    async def live() -> Response:
        return Response(200, [JSON], b'{"status":"live"}')

    async def readiness() -> Response:
        found = dict(await asyncio.gather(*(_checked(each) for each in health)))
        well = ready() and all(state == "up" for state in found.values())
        body = {"status": "ready" if well else "not ready", "dependencies": found}
        return Response(200 if well else 503, [JSON], json.dumps(body).encode())

    async def measured() -> Response:
        kind = b"text/plain; version=0.0.4; charset=utf-8"
        return Response(200, [(b"content-type", kind)], metrics.render())

    async def openapi() -> Response:
        # Any page may read the contract, as client generators and editors do.
        return Response(200, [JSON, (b"access-control-allow-origin", b"*")], contract)

    async def codes() -> Response:
        return Response(
            200, [(b"content-type", b"text/html; charset=utf-8")], listed, document=True
        )

    return {
        "/health/live": live,
        "/health/ready": readiness,
        "/metrics": measured,
        "/openapi.json": openapi,
        "/docs/problems": codes,
    }


async def _checked(dependency: Health) -> tuple[str, str]:
    try:
        async with asyncio.timeout(_PATIENCE):
            problem = await dependency.check()
    except TimeoutError:
        return dependency.name, "no answer"
    return dependency.name, "up" if problem is None else "down"


def _problems(problems: Mapping[str, ProblemKind]) -> bytes:
    rows = "".join(
        f'<tr id="{kind.code}"><td><code>{kind.code}</code></td><td>{kind.status}</td>'
        f"<td>{kind.grpc}</td><td>{kind.graphql}</td><td>{html.escape(kind.title)}</td></tr>"
        for kind in sorted(problems.values(), key=lambda kind: (kind.status, kind.code))
    )
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>Problems</title>'
        "<style>body{font:16px/1.5 system-ui;max-width:60rem;margin:2rem auto;padding:0 1rem}"
        "td,th{text-align:left;padding:.25rem .75rem;border-bottom:1px solid #ccc}"
        ":target{background:#ffc}</style><h1>Problems</h1>"
        "<p>Every refusal has one of these codes, on every protocol.</p>"
        "<table><tr><th>Code</th><th>HTTP</th><th>gRPC</th><th>GraphQL</th><th>Meaning</th></tr>"
        f"{rows}</table></html>"
    ).encode()
