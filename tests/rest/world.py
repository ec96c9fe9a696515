"""The platform, embedded in a folder, and the people who use it: everything goes by HTTP."""

from __future__ import annotations

import email
import email.policy
import io
import itertools
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

import app
from app import Platform
from generated.models import Role
from runtime.log import LogWriter
from runtime.passwords import Passwords
from runtime.settings import Settings

PASSWORD = "a password for tests"
# Limits are a test of their own; anywhere else a 429 is a fault.
NO_LIMIT = 1_000_000.0
ORIGIN = "https://budget.example.com"


@dataclass(frozen=True, slots=True)
class Account:
    """Somebody who is signed in."""

    id: str
    email: str
    password: str
    access: str
    refresh: str

    @property
    def headers(self) -> dict[str, str]:
        """What signs a request of theirs."""
        return {"Authorization": f"Bearer {self.access}"}


class World:
    """One platform over one folder, and a client that reaches it in process."""

    platform: Platform
    http: httpx.AsyncClient

    def __init__(self, folder: Path, *, interpreted: bool = False, **settings: Any) -> None:
        self.folder = folder
        self._interpreted = interpreted
        self._settings: dict[str, Any] = {
            "data_dir": folder,
            "jwt_secret": b"a secret that only the tests know",
            "rate_limit_factor": NO_LIMIT,
            "monitor_rate": 0.0,
            "cors_origins": (ORIGIN,),
            "log_level": "error",
        } | settings
        self._people = itertools.count(1)
        self.log = io.BytesIO()

    async def open(self) -> None:
        """Starts the platform."""
        self._writer = LogWriter(self.log)
        self.platform = await app.build(
            Settings(**self._settings),
            passwords=Passwords(cost=4),
            log=self._writer,
            interpreted=self._interpreted,
        )
        await self.platform.start()
        transport = httpx.ASGITransport(self.platform.edge)
        self.http = httpx.AsyncClient(transport=transport, base_url="http://localhost")

    async def close(self) -> None:
        """Stops it."""
        await self.http.aclose()
        await self.platform.stop()
        self._writer.close()

    async def account(
        self, role: Role = Role.USER, *, verified: bool = True, address: str | None = None
    ) -> Account:
        """Somebody new, signed in."""
        address = address or f"{role.value}{next(self._people)}@example.com"
        if verified:
            made = await self.platform.auth.make_account(address, "Some Body", PASSWORD, role)
            assert made, address
            return await self.sign_in(address)
        body = {"email": address, "password": PASSWORD, "name": "Some Body"}
        return _account(await self.http.post("/api/auth/register", json=body), PASSWORD)

    async def sign_in(self, address: str, password: str = PASSWORD) -> Account:
        """A session of the account's."""
        body = {"email": address, "password": password}
        return _account(await self.http.post("/api/auth/login", json=body), password)

    async def send(
        self, caller: Account | None, method: str, path: str, body: Any = None, **headers: str
    ) -> httpx.Response:
        """One request below /api; `if_match="…"` sends If-Match."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.http.request(
            method,
            f"/api{path}",
            json=body,
            headers=(caller.headers if caller else {}) | sent,
        )

    async def made(self, caller: Account, path: str, body: Any = None) -> dict[str, Any]:
        """What a POST that succeeds answers."""
        answer = await self.send(caller, "POST", path, body)
        assert answer.is_success, f"{path}: {answer.status_code} {answer.text}"
        made: dict[str, Any] = answer.json() if answer.content else {}
        return made

    async def mailed(self, address: str) -> str:
        """The token in the last mail to `address`."""
        assert await self.platform.drained()
        for path in sorted((self.folder / "mail").glob("*.eml"), reverse=True):
            mail = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
            if mail["To"] == address:
                found = re.search(r"token=([\w-]+)", mail.get_content())
                assert found, mail
                return found[1]
        raise AssertionError(f"no mail went to {address}")


def _account(answer: httpx.Response, password: str) -> Account:
    assert answer.is_success, answer.text
    told = answer.json()
    user = told["user"]
    return Account(user["id"], user["email"], password, told["accessToken"], told["refreshToken"])
