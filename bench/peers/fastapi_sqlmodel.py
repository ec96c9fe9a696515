"""FastAPI with SQLModel on aiosqlite, as their documentation has it: the peer that is served.

It does what ours does for these two operations: checks the token and who may see the budget, and
writes the expense, its outbox row and the idempotency record in one transaction. Nothing relays
the outbox here, so it has less to do than ours.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Annotated, Any

from fastapi import Depends, FastAPI, Header, HTTPException, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import OctKey
from joserfc.jwt import JWTClaimsRegistry
from sqlalchemy import JSON, Dialect, String, TypeDecorator, event
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlmodel import Field, SQLModel
from starlette.requests import Request

from bench.peers.fastapi_models import Budget, BudgetId, Expense, ExpenseInput
from bench.sample import BUDGET

engine = create_async_engine(f"sqlite+aiosqlite:///{os.environ['BENCH_DATABASE']}")
sessions = async_sessionmaker(engine, expire_on_commit=False)
key = OctKey.import_key(os.environ["BENCH_SECRET"])
claims = JWTClaimsRegistry(
    iss={"essential": True, "value": "budget-manager"},
    aud={"essential": True, "value": "budget-manager-api"},
    sub={"essential": True},
    exp={"essential": True},
)


@event.listens_for(engine.sync_engine, "connect")
def _prepare(connection: Any, record: Any) -> None:
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute(f"PRAGMA synchronous={os.environ.get('BENCH_SYNCHRONOUS', 'FULL')}")


class Amount(TypeDecorator[Decimal]):
    """Decimals as text: SQLite's own numbers would lose cents."""

    impl = String
    cache_ok = True

    def process_bind_param(self, value: Decimal | None, dialect: Dialect) -> str | None:
        """To the column."""
        return None if value is None else str(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> Decimal | None:
        """From the column."""
        return None if value is None else Decimal(value)


class Moment(TypeDecorator[datetime]):
    """Moments as text in UTC: SQLite's own would lose the zone."""

    impl = String
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> str | None:
        """To the column."""
        return None if value is None else value.isoformat()

    def process_result_value(self, value: str | None, dialect: Dialect) -> datetime | None:
        """From the column."""
        return None if value is None else datetime.fromisoformat(value)


class BudgetRow(SQLModel, table=True):
    """A budget."""

    __tablename__ = "budgets"

    id: str = Field(primary_key=True)
    version: int
    created_at: datetime = Field(sa_type=Moment)
    updated_at: datetime = Field(sa_type=Moment)
    owner_id: str = Field(index=True)
    name: str
    limit: Decimal = Field(sa_type=Amount)
    currency: str
    period: str
    starts_on: date
    ends_on: date | None = None
    spent: Decimal = Field(sa_type=Amount)
    members: list[dict[str, str]] = Field(sa_type=JSON)


class ExpenseRow(SQLModel, table=True):
    """An expense."""

    __tablename__ = "expenses"

    id: str = Field(primary_key=True)
    version: int
    created_at: datetime = Field(sa_type=Moment)
    updated_at: datetime = Field(sa_type=Moment)
    budget_id: str = Field(index=True)
    owner_id: str = Field(index=True)
    description: str
    amount: Decimal = Field(sa_type=Amount)
    currency: str
    category: str
    spent_on: date = Field(index=True)
    tags: list[str] = Field(sa_type=JSON)
    note: str | None = None
    external_id: str | None = None


class OutboxRow(SQLModel, table=True):
    """An event that waits to be relayed."""

    __tablename__ = "outbox"

    seq: int | None = Field(default=None, primary_key=True)
    id: str
    type: str
    subject: str
    time: datetime = Field(sa_type=Moment)
    data: str


class IdempotencyRow(SQLModel, table=True):
    """The answer that a key got."""

    __tablename__ = "idempotency"

    caller: str = Field(primary_key=True)
    key: str = Field(primary_key=True)
    fingerprint: bytes
    answer: str
    at: datetime = Field(sa_type=Moment)


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    """Makes the tables and the one budget."""
    async with engine.begin() as connection:
        await connection.run_sync(SQLModel.metadata.create_all)
    async with sessions() as session:
        if await session.get(BudgetRow, BUDGET["id"]) is None:
            known = Budget.model_validate(BUDGET)
            session.add(BudgetRow(**known.model_dump(by_alias=False)))
            await session.commit()
    yield
    await engine.dispose()


app = FastAPI(lifespan=lifespan)


@app.exception_handler(RequestValidationError)
async def refuse(request: Request, error: RequestValidationError) -> JSONResponse:
    """400, as the contract has it, instead of 422."""
    return JSONResponse({"code": "invalid-input"}, 400, media_type="application/problem+json")


async def _session() -> AsyncIterator[AsyncSession]:
    async with sessions() as session:
        yield session


async def _caller(
    credentials: Annotated[HTTPAuthorizationCredentials, Depends(HTTPBearer())],
) -> str:
    try:
        token = jwt.decode(credentials.credentials, key, algorithms=["HS256"])
        claims.validate(token.claims)
    except (JoseError, ValueError):
        raise HTTPException(401, headers={"www-authenticate": "Bearer"}) from None
    return str(token.claims["sub"])


Session = Annotated[AsyncSession, Depends(_session)]
Caller = Annotated[str, Depends(_caller)]


async def _visible(session: AsyncSession, caller: str, id: str, *, write: bool) -> BudgetRow:
    budget = await session.get(BudgetRow, id)
    if budget is None:
        raise HTTPException(404)
    if budget.owner_id != caller:
        role = next((m["role"] for m in budget.members if m["user_id"] == caller), None)
        if role is None:
            raise HTTPException(404)
        if write and role == "viewer":
            raise HTTPException(403)
    return budget


@app.get("/api/budgets/{id}")
async def get_budget(id: BudgetId, session: Session, caller: Caller, response: Response) -> Budget:
    """One budget."""
    budget = await _visible(session, caller, id, write=False)
    response.headers["etag"] = f'"{budget.version}"'
    return Budget.model_validate(budget, from_attributes=True)


_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"


def _new_id(prefix: str) -> str:
    number = (time.time_ns() // 1_000_000) << 80 | secrets.randbits(80)
    digits = [_ALPHABET[number >> 5 * place & 31] for place in range(25, -1, -1)]
    return f"{prefix}_{''.join(digits)}"


@app.post("/api/expenses", status_code=201)
async def create_expense(
    body: ExpenseInput,
    session: Session,
    caller: Caller,
    response: Response,
    idempotency_key: Annotated[str | None, Header(min_length=1, max_length=128)] = None,
) -> Expense:
    """A new expense, once a key."""
    fingerprint = hashlib.blake2b(body.model_dump_json().encode(), digest_size=16).digest()
    if idempotency_key is not None:
        kept = await session.get(IdempotencyRow, (caller, idempotency_key))
        if kept is not None:
            if kept.fingerprint != fingerprint:
                raise HTTPException(422)
            expense = Expense.model_validate_json(kept.answer)
            _describe(response, expense)
            return expense
    budget = await _visible(session, caller, body.budget_id, write=True)
    if body.currency is not None and body.currency != budget.currency:
        raise HTTPException(422)
    now = datetime.now(UTC)
    row = ExpenseRow(
        id=_new_id("exp"),
        version=1,
        created_at=now,
        updated_at=now,
        budget_id=budget.id,
        owner_id=caller,
        description=body.description,
        amount=body.amount,
        currency=budget.currency,
        category=body.category,
        spent_on=body.spent_on or now.date(),
        tags=body.tags,
        note=body.note,
        external_id=body.external_id,
    )
    expense = Expense.model_validate(row, from_attributes=True)
    text = expense.model_dump_json()
    session.add(row)
    session.add(
        OutboxRow(id=_new_id("evt"), type="expense.created.v1", subject=row.id, time=now, data=text)
    )
    if idempotency_key is not None:
        session.add(
            IdempotencyRow(
                caller=caller, key=idempotency_key, fingerprint=fingerprint, answer=text, at=now
            )
        )
    await session.commit()
    _describe(response, expense)
    return expense


def _describe(response: Response, expense: Expense) -> None:
    response.headers["etag"] = f'"{expense.version}"'
    response.headers["location"] = f"/api/budgets/{expense.budget_id}/expenses/{expense.id}"
