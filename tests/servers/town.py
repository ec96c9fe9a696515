"""The platform on real servers, as one process or as ten behind NGINX, in databases of its own."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from secrets import token_hex
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import httpx
from pymongo import AsyncMongoClient

from generated.operations import SERVICES
from runtime.adapters.mysql import MysqlDriver
from tests.deploy.front import configure, free_ports
from tests.ports.redis_server import OwnServer
from tests.rest.world import NO_LIMIT

ROOT = Path(__file__).parents[2]
NEEDED = ("mongodb", "postgres", "mariadb", "redis", "rabbitmq", "kafka", "elasticsearch")
GATEWAY = "gateway"
_READY = 60.0


def _database(url: str, name: str) -> str:
    """The same server's database of another name."""
    return urlunsplit(urlsplit(url)._replace(path=f"/{name}"))


class Town:
    """Databases, names and a Redis of its own, and the processes that serve over them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.name = f"t{token_hex(5)}"
        self.redis = OwnServer(folder)
        self.environ: dict[str, str] = {}
        self.processes: dict[str, asyncio.subprocess.Process] = {}
        self.ports: dict[str, tuple[int, int]] = {}
        self.port = 0
        self.rpc_port = 0
        self._front: subprocess.Popen[bytes] | None = None

    async def open(self) -> None:
        """Makes the databases, with this version's schema."""
        self.redis.start()
        postgres, mysql = os.environ["POSTGRES_URL"], os.environ["MYSQL_URL"]
        admin = await asyncpg.connect(postgres)
        await admin.execute(f"CREATE DATABASE {self.name}")
        await admin.close()
        connection = await MysqlDriver(mysql, patience=20).connect()
        await connection.execute(f"CREATE DATABASE {self.name}", ())
        await connection.close()
        self.environ = {
            **{name: value for name, value in os.environ.items() if name in ("PATH", "HOME")},
            **{name: os.environ[name] for name in ("RABBITMQ_URL", "KAFKA_BROKER")},
            "ELASTIC_SEARCH_URL": os.environ["ELASTIC_SEARCH_URL"],
            "MONGO_DB_URI": _database(os.environ["MONGO_DB_URI"], self.name),
            "POSTGRES_URL": _database(postgres, self.name),
            "MYSQL_URL": _database(mysql, self.name),
            "REDIS_URL": self.redis.url,
            "NAMESPACE": f"{self.name}-",
            "JWT_SECRET": token_hex(24),
            "LOG_LEVEL": "warning",
            "MONITOR_RATE": "0",
            "RATE_LIMIT_FACTOR": str(NO_LIMIT),
            "PYTHONDONTWRITEBYTECODE": "1",
            "TRUSTED_PROXIES": "127.0.0.1/32",
        }
        assert await self.command("migrate") == 0, self.log("command")

    async def close(self) -> None:
        """Ends all processes, and drops what they kept."""
        # Asked, not killed: what a killed one had begun in MongoDB would stay locked for a minute.
        running = [each for each in self.processes.values() if each.returncode is None]
        for process in running:
            process.terminate()
        try:
            async with asyncio.timeout(40):
                await asyncio.gather(*(process.wait() for process in running))
        except TimeoutError:
            for process in running:
                if process.returncode is None:
                    process.kill()
                    await process.wait()
        if self._front is not None:
            self._front.terminate()
            self._front.wait(20)
        self.redis.kill()
        admin = await asyncpg.connect(os.environ["POSTGRES_URL"])
        await admin.execute(f"DROP DATABASE {self.name} WITH (FORCE)")
        await admin.close()
        connection = await MysqlDriver(os.environ["MYSQL_URL"], patience=20).connect()
        await connection.execute(f"DROP DATABASE {self.name}", ())
        await connection.close()
        mongo: AsyncMongoClient[dict[str, object]] = AsyncMongoClient(os.environ["MONGO_DB_URI"])
        await mongo.drop_database(self.name)
        await mongo.close()

    # --- processes --------------------------------------------------------------------------------

    async def command(self, *words: str) -> int:
        """Runs `budget-manager WORDS`; its exit code."""
        with (self.folder / "command.log").open("ab") as log:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "cli", *words),
                cwd=ROOT,
                env=self.environ | {"DATA_DIR": str(self.folder / "command")},
                stdout=log,
                stderr=log,
            )
        return await process.wait()

    def log(self, name: str) -> str:
        """What a process has logged."""
        return (self.folder / f"{name}.log").read_text("utf-8", "replace")[-3000:]

    async def start(self, name: str, *words: str, more: Mapping[str, str] | None = None) -> None:
        """Starts a process that serves, and waits until it is ready."""
        port, rpc_port = self.ports[name]
        environ = self.environ | dict(more or {})
        environ |= {
            "DATA_DIR": str(self.folder / name),
            "PORT": str(port),
            "GRPC_PORT": str(rpc_port),
            "PUBLIC_URL": f"http://localhost:{self.port or port}",
        }
        with (self.folder / f"{name}.log").open("ab") as log:
            self.processes[name] = process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "cli", "serve", *words),
                cwd=ROOT,
                env=environ,
                stdout=log,
                stderr=log,
            )
        async with asyncio.timeout(_READY), httpx.AsyncClient(timeout=5) as http:
            while process.returncode is None:
                try:
                    found = await http.get(f"http://127.0.0.1:{port}/health/ready")
                    if found.is_success:
                        return
                except httpx.TransportError:
                    pass
                await asyncio.sleep(0.05)  # it does not listen yet
        raise AssertionError(self.log(name))

    async def serve_whole(self) -> None:
        """One process with all services."""
        self.ports["whole"] = (self.port, self.rpc_port) = (free_ports(2)[0], free_ports(1)[0])
        await self.start("whole")

    async def serve_apart(self) -> None:
        """A process a service, one without any as gateway, and NGINX before them."""
        names = [*SERVICES, GATEWAY]
        self.port, self.rpc_port, *ports = free_ports(2 + 2 * len(names))
        self.ports = {name: (ports[2 * at], ports[2 * at + 1]) for at, name in enumerate(names)}
        for some in (names[:5], names[5:]):
            await asyncio.gather(*(self.start_apart(name) for name in some))
        self._start_front(names)

    async def start_apart(self, name: str) -> None:
        """Starts the process of one service, again if it was there before."""
        targets = {
            f"{service.upper()}_SERVICE": f"127.0.0.1:{self.ports[service][1]}"
            for service in SERVICES
        }
        await self.start(name, "--services", name, more=targets)

    async def kill(self, name: str) -> None:
        """`kill -9`."""
        self.processes[name].kill()
        await self.processes[name].wait()

    async def stop(self, name: str) -> int:
        """Asks it to stop; its exit code."""
        self.processes[name].send_signal(signal.SIGTERM)
        async with asyncio.timeout(40):
            return await self.processes[name].wait()

    def _start_front(self, names: Sequence[str]) -> None:
        lines = [
            f"upstream {name}{suffix} {{ server 127.0.0.1:{port}; keepalive 16; }}"
            for name in names
            for suffix, port in zip(("", "_grpc"), self.ports[name], strict=True)
        ]
        command = configure(self.folder, self.port, self.rpc_port, lines)
        self._front = subprocess.Popen(command, stderr=subprocess.DEVNULL)

    def client(self) -> httpx.AsyncClient:
        """Reaches the platform at its one address."""
        transport = httpx.AsyncHTTPTransport(retries=8)
        base = f"http://127.0.0.1:{self.port}"
        return httpx.AsyncClient(base_url=base, timeout=30, transport=transport)


@asynccontextmanager
async def town(folder: Path) -> AsyncIterator[Town]:
    """A town whose processes are still to be started."""
    made = Town(folder)
    try:
        await made.open()
        yield made
    finally:
        await made.close()
