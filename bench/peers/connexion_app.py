"""The contract as connexion interprets it: the same spec, default validators, trivial handlers."""

from __future__ import annotations

import copy
import logging
import warnings
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import yaml

from bench.contract.drive import Asgi
from bench.sample import BUDGET, BUDGET_ID, created, now

SPEC = Path(__file__).parents[2] / "specs" / "openapi.yaml"

# Where problems have a media type beside the answer's, connexion wants to be told which it is.
_JSON = {"Content-Type": "application/json"}


async def _get_budget(id: str) -> Any:
    if id != BUDGET_ID:
        return None, 404, {"Content-Type": "application/problem+json"}
    return BUDGET, 200, {**_JSON, "ETag": '"3"'}


async def _create_budget(body: dict[str, Any]) -> Any:
    moment = now().isoformat(timespec="milliseconds")[:-6] + "Z"
    budget = {**created(), **body, "createdAt": moment, "updatedAt": moment}
    headers = {**_JSON, "ETag": '"1"', "Location": f"/api/budgets/{BUDGET_ID}"}
    return budget, 201, headers


async def _unused(**_: Any) -> Any:
    return None, 404


_HANDLERS: dict[str, Callable[..., Awaitable[Any]]] = {
    "getBudget": _get_budget,
    "createBudget": _create_budget,
}


def build() -> Asgi:
    """The application. Security is left out of the spec, as everybody's is in this comparison."""
    with warnings.catch_warnings():
        # It imports a test client that warns of its own dependency.
        warnings.simplefilter("ignore")
        import connexion

    spec = copy.deepcopy(yaml.safe_load(SPEC.read_text()))
    spec.pop("security", None)
    for path in spec["paths"].values():
        for operation in path.values():
            if isinstance(operation, dict):
                operation.pop("security", None)
    # Refusals are checked before the measuring, and connexion would print each.
    logging.getLogger("connexion").setLevel(logging.CRITICAL)
    app = connexion.AsyncApp(__name__)
    app.add_api(
        spec,
        base_path="/api",
        resolver=connexion.Resolver(lambda name: _HANDLERS.get(name, _unused)),
        swagger_ui_options=connexion.options.SwaggerUIOptions(swagger_ui=False),
    )
    return app  # type: ignore[no-any-return] # connexion is not typed
