"""Servers that are measured: started on one core, watched through /proc, stopped by their id."""

from __future__ import annotations

import contextlib
import http.client
import os
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).parent.parent
SERVER_CORE = 0
LOAD_CORE = 1
_TICK = os.sysconf("SC_CLK_TCK")


def on_core(core: int, command: Sequence[str]) -> list[str]:
    """`command`, kept on one core; where there is but one, or no taskset, as it is."""
    if (os.cpu_count() or 1) <= core or not Path("/usr/bin/taskset").exists():
        return list(command)
    return ["taskset", "--cpu-list", str(core), *command]


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Server:
    """One server process on 127.0.0.1."""

    def __init__(
        self,
        command: Sequence[str],
        environ: Mapping[str, str],
        port: int,
        folder: Path = ROOT,
    ) -> None:
        self.port = port
        self.began = time.perf_counter()
        self._process = subprocess.Popen(
            on_core(SERVER_CORE, command),
            cwd=folder,
            env={**os.environ, **environ},
            stdout=subprocess.DEVNULL,
        )

    def wait(self, path: str, statuses: Sequence[int], seconds: float = 60.0) -> float:
        """Waits until `path` answers with one of `statuses`; how long that took from the start."""
        while time.perf_counter() - self.began < seconds:
            if self._process.poll() is not None:
                raise RuntimeError(f"the server ended with {self._process.returncode}")
            with contextlib.suppress(OSError, http.client.HTTPException):
                if self.ask("GET", path)[0] in statuses:
                    return time.perf_counter() - self.began
            time.sleep(0.005)
        raise RuntimeError(f"the server did not answer {path} within {seconds} s")

    def ask(
        self, method: str, path: str, headers: Mapping[str, str] | None = None, body: bytes = b""
    ) -> tuple[int, Mapping[str, str], bytes]:
        """One request on a connection of its own: status, headers by lower-case name, body."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            given = {"content-type": "application/json"} if body else {}
            connection.request(method, path, body or None, {**given, **(headers or {})})
            response = connection.getresponse()
            found = {name.lower(): value for name, value in response.getheaders()}
            return response.status, found, response.read()
        finally:
            connection.close()

    def cpu(self) -> float:
        """Seconds of CPU that the process has used, all threads, user and system."""
        fields = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICK

    def resident(self) -> float:
        """Resident memory in MB (10⁶ bytes)."""
        pages = int(Path(f"/proc/{self._process.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 1e6

    def settle(self, seconds: float = 60.0) -> float:
        """Waits until the process is idle, so that work it put off is counted; how long it took."""
        began = time.perf_counter()
        before = self.cpu()
        while time.perf_counter() - began < seconds:
            time.sleep(0.25)
            now = self.cpu()
            if now - before <= 0.01:
                break
            before = now
        return max(0.0, time.perf_counter() - began - 0.25)

    def stop(self) -> None:
        """Asks it to stop, and makes it."""
        self._process.terminate()
        try:
            self._process.wait(30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


@contextlib.contextmanager
def stopping(servers: Sequence[Server]) -> Iterator[None]:
    """Stops `servers` at the end, however it comes."""
    try:
        yield
    finally:
        for server in servers:
            server.stop()
