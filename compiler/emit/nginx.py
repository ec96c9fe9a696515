"""`nginx/`: one address before the processes of split mode, routed by the contract's tags.

`nginx.conf` includes `upstreams.conf` from beside it, which names each service as a network of
containers does; another network has a file of its own in that place.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator

from compiler.emit.lines import HEADER
from compiler.emit.types import success_media
from compiler.ir import Contract, Operation

_HTTP, _GRPC = 3000, 50051
# What no service's path is: sockets, GraphQL, documents, health, gRPC's health and reflection.
GATEWAY = "gateway"
_PARAMETER = re.compile(r"\{[^{}]*\}")
# Open for as long as somebody listens.
_LONG = "1h"


def emit(contract: Contract) -> dict[str, str]:
    """`nginx/nginx.conf` and `nginx/upstreams.conf`."""
    services = [service.name for service in contract.services]
    return {
        "nginx/nginx.conf": "\n".join(_configuration(contract)) + "\n",
        "nginx/upstreams.conf": "\n".join(_upstreams(services)) + "\n",
    }


def _upstreams(services: list[str]) -> Iterator[str]:
    yield f"# {HEADER}"
    yield "# Where the processes are: `name` speaks HTTP, `name_grpc` gRPC."
    for name in (*services, GATEWAY):
        for suffix, port in (("", _HTTP), ("_grpc", _GRPC)):
            yield f"upstream {name}{suffix} {{ server {name}:{port}; keepalive 64; }}"


def _configuration(contract: Contract) -> Iterator[str]:
    rested = [operation for operation in contract.operations if operation.rest]
    largest = max((operation.body_limit for operation in rested), default=1 << 20)
    yield f"# {HEADER}"
    yield "# Start it with the prefix that this file is in: nginx -p generated/nginx -c nginx.conf"
    yield from _TOP.format(body=largest).strip().split("\n")
    yield ""
    yield "    server {"
    yield f"        listen {_HTTP};"
    yield ""
    yield "        # Each process shows its own figures; they are no business of the world's."
    yield "        location = /metrics { return 404; }"
    for location, service, streams in _locations(rested):
        more = f" proxy_buffering off; proxy_read_timeout {_LONG};" if streams else ""
        yield f"        location {location} {{ proxy_pass http://{service};{more} }}"
    yield from _GATEWAY.format(gateway=GATEWAY, long=_LONG).strip("\n").split("\n")
    yield "    }"
    yield ""
    yield "    server {"
    yield f"        listen {_GRPC} http2;"
    yield ""
    for name, service in _rpcs(contract):
        yield f"        location /{name}/ {{ grpc_pass grpc://{service}_grpc; }}"
    yield f"        location / {{ grpc_pass grpc://{GATEWAY}_grpc; }}"
    yield "    }"
    yield "}"


def _locations(operations: list[Operation]) -> Iterator[tuple[str, str, bool]]:
    """Locations with their service, and whether what is there streams; exceptions first.

    A first segment belongs to the service that has most of its paths; the paths of others below it
    are locations of their own.
    """
    paths: dict[str, str] = {}
    streams: set[str] = set()
    for operation in operations:
        assert operation.rest is not None
        paths[operation.rest.path] = operation.service
        media = success_media(operation)
        if media is not None and media.name == "text/event-stream":
            streams.add(operation.rest.path)
    below: dict[str, Counter[str]] = defaultdict(Counter)
    for path, service in paths.items():
        below[_head(path)][service] += 1
    owners = {
        head: min(counted, key=lambda name: (-counted[name], name))
        for head, counted in below.items()
    }
    for path, service in sorted(paths.items()):
        if path in streams or service != owners[_head(path)]:
            yield _exactly(path), service, path in streams
    for head, service in sorted(owners.items()):
        yield head, service, False


def _head(path: str) -> str:
    """`/api/budgets` of `/api/budgets/{id}/members`: up to the first segment that tells."""
    parts = path.split("/")
    end = next((at for at, part in enumerate(parts) if "{" in part), len(parts))
    return "/".join(parts[: min(end, 3)]) or "/"


def _exactly(path: str) -> str:
    if "{" not in path:
        return f"= {path}"
    pattern = "[^/]+".join(re.escape(part) for part in _PARAMETER.split(path))
    return f'~ "^{pattern}$"'


def _rpcs(contract: Contract) -> Iterator[tuple[str, str]]:
    """The gRPC services that the world may ask; what is internal is not routed."""
    found = {
        operation.rpc.service: operation.service
        for operation in contract.operations
        if operation.rpc is not None and not operation.internal
    }
    for name, service in sorted(found.items()):
        yield f"{contract.package}.{name}" if contract.package else name, service


_TOP = """
worker_processes auto;
worker_rlimit_nofile 65536;
error_log stderr warn;
pid /tmp/nginx.pid;

events {{ worker_connections 16384; }}

http {{
    include upstreams.conf;
    access_log off;
    server_tokens off;
    default_type application/octet-stream;
    client_body_temp_path /tmp/nginx-client;
    proxy_temp_path /tmp/nginx-proxy;
    fastcgi_temp_path /tmp/nginx-fastcgi;
    uwsgi_temp_path /tmp/nginx-uwsgi;
    scgi_temp_path /tmp/nginx-scgi;

    client_max_body_size {body};
    client_header_timeout 15s;
    client_body_timeout 60s;
    keepalive_timeout 75s;

    map $http_upgrade $connection_upgrade {{ default upgrade; '' ''; }}

    proxy_http_version 1.1;
    proxy_set_header Host $http_host;
    proxy_set_header Connection $connection_upgrade;
    proxy_set_header Upgrade $http_upgrade;
    # The services believe the last address that is no proxy's: TRUSTED_PROXIES.
    proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
    proxy_set_header X-Forwarded-Proto $scheme;
    proxy_connect_timeout 2s;
    proxy_read_timeout 90s;
    proxy_send_timeout 90s;
    # Only what may be asked twice is asked of another process: GET, PUT, DELETE.
    proxy_next_upstream error timeout;
    proxy_next_upstream_tries 2;

    grpc_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
    grpc_connect_timeout 2s;
    grpc_read_timeout 1h;
    grpc_send_timeout 1h;
"""

_GATEWAY = """
        location / {{
            proxy_pass http://{gateway};
            proxy_read_timeout {long};
            proxy_send_timeout {long};
        }}
"""
