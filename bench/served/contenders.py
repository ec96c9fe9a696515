"""Who is served: ours, FastAPI with SQLModel, Express; each with one user, budget and token."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from joserfc import jwt
from joserfc.jwk import OctKey

from bench.processes import ROOT, Server, free_port
from bench.sample import BUDGET, BUDGET_BODY, BUDGET_ID, USER_ID, meaning, without_nulls

SECRET = "a secret that guards nothing but this benchmark"  # noqa: S105 # guards nothing
EXPRESS = ROOT / "bench" / "peers" / "express"


@dataclass
class Contender:
    """A running server, and who asks it for what."""

    name: str
    server: Server
    token: str
    budget_id: str

    @property
    def budget_path(self) -> str:
        """Where its budget is."""
        return f"/api/budgets/{self.budget_id}"

    def headers(self) -> dict[str, str]:
        """What a signed-in request carries."""
        return {"authorization": f"Bearer {self.token}"}

    def expense(self) -> bytes:
        """The body of a new expense."""
        return expense_body(self.budget_id)

    def check(self) -> None:
        """Raises AssertionError unless it answers and refuses as the contract has it."""
        ask, signed = self.server.ask, self.headers()
        status, headers, body = ask("GET", self.budget_path, signed)
        assert status == 200, f"{self.name}: GET {status} {body!r}"
        found = meaning(body)
        assert found.keys() == without_nulls(BUDGET).keys(), f"{self.name}: {found}"
        assert headers["etag"] == f'"{found["version"]}"', f"{self.name}: {headers}"
        assert ask("GET", self.budget_path)[0] == 401, f"{self.name}: a stranger is let in"
        forged = {"authorization": f"Bearer {self.token[:-4]}AAAA"}
        assert ask("GET", self.budget_path, forged)[0] == 401, f"{self.name}: a forged token"
        other = ask("GET", f"/api/budgets/{BUDGET_ID[:-1]}9", signed)[0]
        assert other == 404, f"{self.name}: {other} for a budget that is not there"
        self._check_writing()

    def _check_writing(self) -> None:
        ask = self.server.ask
        keyed = {**self.headers(), "idempotency-key": f"check-{time.time_ns()}"}
        first = ask("POST", "/api/expenses", keyed, self.expense())
        assert first[0] == 201, f"{self.name}: POST {first}"
        made = json.loads(first[2])
        assert (made["amount"], made["budgetId"]) == ("42.60", self.budget_id), f"{made}"
        assert first[1]["location"].endswith(made["id"]), f"{self.name}: {first[1]}"
        again = ask("POST", "/api/expenses", keyed, self.expense())
        assert meaning(again[2]) == meaning(first[2]), f"{self.name}: {again} is not {first}"
        changed = self.expense().replace(b"42.60", b"42.61")
        reused = ask("POST", "/api/expenses", keyed, changed)[0]
        assert reused == 422, f"{self.name}: {reused} for a reused key"
        wrong = self.expense().replace(b'"42.60"', b'"-1"')
        status = ask("POST", "/api/expenses", self.headers(), wrong)[0]
        assert status == 400, f"{self.name}: {status} for a negative amount"


def expense_body(budget_id: str) -> bytes:
    """As the contract's example of an ExpenseInput."""
    return json.dumps(
        {
            "budgetId": budget_id,
            "description": "Market, Saturday",
            "amount": "42.60",
            "category": "Groceries",
            "spentOn": "2026-03-14",
            "tags": ["weekly"],
        }
    ).encode()


def _environ(data: Path, synchronous: str) -> dict[str, str]:
    return {
        "BENCH_DATABASE": str(data),
        "BENCH_SECRET": SECRET,
        "BENCH_SYNCHRONOUS": synchronous,
        "BENCH_BUDGET": json.dumps(BUDGET),
    }


def _token() -> str:
    """What the peers take: they have no sign-in of their own."""
    now = int(time.time())
    claims = {
        "iss": "budget-manager",
        "aud": "budget-manager-api",
        "sub": USER_ID,
        "sid": "ses_" + USER_ID[4:],
        "jti": "bench",
        "iat": now,
        "exp": now + 3600,
    }
    return jwt.encode({"alg": "HS256"}, claims, OctKey.import_key(SECRET))


def start_ours(folder: Path, environ: Mapping[str, str] | None = None) -> Server:
    """Our server on an empty data folder, as `make run` starts it but for its rate limits."""
    port = free_port()
    command = [sys.executable, "cli.py", "serve", "--data", str(folder), "--port", str(port)]
    return Server(
        command,
        {"RATE_LIMIT_FACTOR": "1000000", "JWT_SECRET": SECRET, "GRPC_PORT": "0"}
        | dict(environ or {}),
        port,
    )


def enter(server: Server) -> Contender:
    """Somebody registers with our server and makes a budget."""
    server.wait("/health/ready", [200])
    person = {
        "email": "bench@example.com",
        "name": "Bench",
        "password": "a long enough pass phrase",
    }
    status, _, body = server.ask("POST", "/api/auth/register", body=json.dumps(person).encode())
    assert status == 201, f"register: {status} {body!r}"
    token = json.loads(body)["accessToken"]
    signed = {"authorization": f"Bearer {token}"}
    status, _, body = server.ask("POST", "/api/budgets", signed, BUDGET_BODY)
    assert status == 201, f"budget: {status} {body!r}"
    return Contender("ours", server, token, json.loads(body)["id"])


def sign_in(contender: Contender) -> None:
    """A fresh token: they last 15 minutes."""
    person = {"email": "bench@example.com", "password": "a long enough pass phrase"}
    status, _, body = contender.server.ask(
        "POST", "/api/auth/login", body=json.dumps(person).encode()
    )
    assert status == 200, f"login: {status} {body!r}"
    contender.token = json.loads(body)["accessToken"]


def start_fastapi(folder: Path, synchronous: str) -> Contender:
    """FastAPI + SQLModel (aiosqlite), in uvicorn on uvloop and httptools."""
    port = free_port()
    command = [
        *(sys.executable, "-m", "uvicorn", "bench.peers.fastapi_sqlmodel:app"),
        *("--port", str(port), "--loop", "uvloop", "--http", "httptools"),
        *("--no-access-log", "--log-level", "warning"),
    ]
    server = Server(command, _environ(folder / f"fastapi-{synchronous}.db", synchronous), port)
    server.wait("/api/budgets/x", [401, 403])
    return Contender(_named("FastAPI + SQLModel", synchronous), server, _token(), BUDGET_ID)


def start_express(folder: Path, synchronous: str) -> Contender:
    """Express + better-sqlite3."""
    port = free_port()
    server = Server(
        ["node", "server.js"],
        {
            **_environ(folder / f"express-{synchronous}.db", synchronous),
            "PORT": str(port),
            "NODE_ENV": "production",
        },
        port,
        EXPRESS,
    )
    server.wait("/api/budgets/x", [401])
    return Contender(_named("Express + better-sqlite3", synchronous), server, _token(), BUDGET_ID)


def _named(name: str, synchronous: str) -> str:
    return name if synchronous == "FULL" else f"{name}, synchronous={synchronous}"


def install_express() -> None:
    """`npm ci`, once. better-sqlite3 is built where there is no binary of it for this machine."""
    if (EXPRESS / "node_modules" / ".package-lock.json").exists():
        return
    where = subprocess.run(
        ["node", "--print", "process.execPath"], check=True, capture_output=True, text=True
    ).stdout.strip()
    prefix = Path(where).parent.parent
    environ = dict(os.environ)
    if (prefix / "include" / "node" / "node.h").exists():
        # Else node-gyp would download the headers.
        environ["npm_config_nodedir"] = str(prefix)
    subprocess.run(
        ["npm", "ci", "--no-audit", "--no-fund", "--loglevel=error"],
        cwd=EXPRESS,
        env=environ,
        check=True,
    )
