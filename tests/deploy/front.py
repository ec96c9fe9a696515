"""What stands before servers of a test: the configuration of the proxy, for ports of its own."""

from __future__ import annotations

import re
import socket
from contextlib import ExitStack
from pathlib import Path

SOURCE = Path(__file__).parents[2] / "generated" / "nginx"


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [int(each.getsockname()[1]) for each in sockets]


def configure(folder: Path, http: int, grpc: int, upstreams: list[str]) -> list[str]:
    """Writes the generated configuration for these ports; answers the command that runs it."""
    text = (SOURCE / "nginx.conf").read_text("utf-8")
    for old, new in ((3000, http), (50051, grpc)):
        text = re.sub(rf"listen {old}\b", f"listen 127.0.0.1:{new}", text)
    text = text.replace("/tmp/nginx", f"{folder}/nginx")  # noqa: S108 # a folder of the test's
    (folder / "nginx.conf").write_text(text, "utf-8")
    (folder / "upstreams.conf").write_text("\n".join(upstreams), "utf-8")
    command = ["nginx", "-p", str(folder), "-c", str(folder / "nginx.conf")]
    return [*command, "-g", "daemon off;"]
