"""`serve --grpc-port`: as a user starts it, and as it stops."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

ROOT = Path(__file__).parents[2]


def command(folder: Path, port: int) -> list[str]:
    """The command line."""
    words = [sys.executable, "-m", "cli", "serve", "--port", "0", "--grpc-port", str(port)]
    return [*words, "--data", str(folder)]


def test_it_serves_grpc_says_where_and_stops_when_told(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    with subprocess.Popen(command(one, 0), cwd=ROOT, stdout=subprocess.PIPE) as server:
        try:
            assert server.stdout is not None
            said = ""
            for line in server.stdout:
                said = json.loads(line)["message"]
                if said.startswith("gRPC at"):
                    break
            found = re.fullmatch(r"gRPC at 127\.0\.0\.1:(\d+)", said)
            assert found, said
            port = int(found[1])
            with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
                stub: Any = health_pb2_grpc.HealthStub(channel)
                answer = stub.Check(health_pb2.HealthCheckRequest(), timeout=10)
                assert answer.status == health_pb2.HealthCheckResponse.SERVING
            second = subprocess.run(
                command(two, port), cwd=ROOT, capture_output=True, text=True, check=False
            )
            assert second.returncode == 1
            assert "--grpc-port" in second.stderr
        finally:
            server.send_signal(signal.SIGTERM)
            server.communicate(timeout=30)
    assert server.returncode == 0
