"""FastAPI on the same schemas, without identity and store: what its contract layer costs."""

from __future__ import annotations

import json
from datetime import date
from decimal import Decimal

from fastapi import FastAPI, HTTPException, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.requests import Request

from bench.peers.fastapi_models import Budget, BudgetId, BudgetInput
from bench.sample import BUDGET, BUDGET_ID, now

app = FastAPI()
_KNOWN = Budget.model_validate_json(json.dumps(BUDGET))


@app.exception_handler(RequestValidationError)
async def refuse(request: Request, error: RequestValidationError) -> JSONResponse:
    """400, as the contract has it, instead of 422."""
    return JSONResponse({"code": "invalid-input"}, 400, media_type="application/problem+json")


@app.get("/api/budgets/{id}")
async def get_budget(id: BudgetId, response: Response) -> Budget:
    """One budget."""
    if id != BUDGET_ID:
        raise HTTPException(404)
    response.headers["etag"] = f'"{_KNOWN.version}"'
    return _KNOWN


@app.post("/api/budgets", status_code=201)
async def create_budget(body: BudgetInput, response: Response) -> Budget:
    """A new budget."""
    moment = now()
    budget = Budget(
        id=BUDGET_ID,
        version=1,
        created_at=moment,
        updated_at=moment,
        owner_id=_KNOWN.owner_id,
        name=body.name,
        limit=body.limit,
        currency=body.currency,
        period=body.period,
        starts_on=body.starts_on or date(2026, 3, 1),
        ends_on=body.ends_on,
        spent=Decimal("0.00"),
        members=[],
    )
    response.headers["etag"] = f'"{budget.version}"'
    response.headers["location"] = f"/api/budgets/{budget.id}"
    return budget
