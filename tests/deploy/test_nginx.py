"""One address before nine services: NGINX itself, on the configuration that the contract gives."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from generated.operations import OPERATIONS
from tests.deploy.front import configure, free_ports

pytestmark = pytest.mark.nginx

ROOT = Path(__file__).parents[2]
CONTRACT = json.loads((ROOT / "generated" / "openapi.json").read_text("utf-8"))
SERVICES = [*sorted({operation.service for operation in OPERATIONS.values()}), "gateway"]


class Front:
    """NGINX in a folder of its own, before servers that say their name."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.http, self.grpc, *ports = free_ports(2 + 2 * len(SERVICES))
        lines: list[str] = []
        for name in SERVICES:
            for kind, suffix in (("", ""), (" http2", "_grpc")):
                port = ports.pop()
                lines += [
                    f"upstream {name}{suffix} {{ server 127.0.0.1:{port}; keepalive 4; }}",
                    f"server {{ listen 127.0.0.1:{port}{kind};",
                    f'  location / {{ return 200 "{name}{suffix} $http_x_forwarded_for"; }} }}',
                ]
        self._command = configure(folder, self.http, self.grpc, lines)

    def run(self, *options: str) -> subprocess.Popen[str]:
        """NGINX on the folder."""
        return subprocess.Popen([*self._command, *options], stderr=subprocess.PIPE, text=True)


@pytest.fixture(scope="module")
def front(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Front]:
    """A front that answers."""
    front = Front(tmp_path_factory.mktemp("nginx"))
    process = front.run()
    try:
        with httpx.Client(transport=httpx.HTTPTransport(retries=8)) as client:
            assert client.get(f"http://127.0.0.1:{front.http}/health/live").status_code == 200
        yield front
    finally:
        process.terminate()
        process.communicate(timeout=20)


def test_nginx_takes_the_configuration_without_a_warning(tmp_path: Path) -> None:
    process = Front(tmp_path).run("-t")
    _, said = process.communicate(timeout=20)
    assert process.returncode == 0, said
    assert "warn" not in said


def test_every_path_of_the_contract_reaches_the_service_of_its_tag(front: Front) -> None:
    reached = {}
    wanted = {}
    with httpx.Client(base_url=f"http://127.0.0.1:{front.http}") as client:
        for path, methods in CONTRACT["paths"].items():
            for method, said in methods.items():
                if not isinstance(said, dict) or said.get("operationId") not in OPERATIONS:
                    continue
                asked = "/api" + re.sub(r"\{(\w+)\}", r"some-\1", path)
                answer = client.request(method, asked)
                reached[method, path] = answer.text.split()[0]
                wanted[method, path] = OPERATIONS[said["operationId"]].service
    assert len(wanted) == len(OPERATIONS)
    assert reached == wanted


@pytest.mark.parametrize("path", ["/", "/ws", "/docs", "/openapi.json", "/api/graphql", "/none"])
def test_what_is_no_services_goes_to_the_gateway(front: Front, path: str) -> None:
    assert httpx.get(f"http://127.0.0.1:{front.http}{path}").text.startswith("gateway ")


def test_figures_stay_inside_and_the_clients_address_goes_on(front: Front) -> None:
    base = f"http://127.0.0.1:{front.http}"
    assert httpx.get(f"{base}/metrics").status_code == 404
    forged = httpx.get(f"{base}/api/budgets", headers={"X-Forwarded-For": "203.0.113.9"})
    assert forged.text == "budget 203.0.113.9, 127.0.0.1"


def test_rpcs_reach_their_service_and_internal_ones_do_not(front: Front) -> None:
    text = (front.folder / "nginx.conf").read_text("utf-8")
    found = re.findall(r"location /([\w.]+)/ \{ grpc_pass grpc://(\w+)_grpc", text)
    assert dict(found)["budget.v1.BudgetService"] == "budget"
    assert not {name for name, _ in found} & {
        f"budget.v1.{name}"
        for name in ("IdentityService", "BudgetAccessService", "TaskQueueService", "IndexService")
    }
