"""What every test stands on: which real servers it may see, and that nothing is skipped in CI."""

from __future__ import annotations

import os
import shutil
from collections.abc import Generator

import hypothesis
import pytest

# The variable that names each real server (README, Settings); a test sees those it is marked with.
SERVERS = {
    "postgres": "POSTGRES_URL",
    "mariadb": "MYSQL_URL",
    "redis": "REDIS_URL",
    "rabbitmq": "RABBITMQ_URL",
    "mongodb": "MONGO_DB_URI",
    "kafka": "KAFKA_BROKER",
    "elasticsearch": "ELASTIC_SEARCH_URL",
    "smtp": "SMTP_URL",
}
# Where Debian and others put them; any one of a row will do.
PROGRAMS = {
    "nginx": (("nginx",),),
    "node": (("node",), ("npm",)),
    "browser": (("chromium", "chromium-browser", "google-chrome"), ("chromedriver",)),
}
IN_CI = os.environ.get("CI") == "true"
_GIVEN = {name: os.environ[name] for name in SERVERS.values() if os.environ.get(name)}

# CI replays the same examples each time, so that a red run is red for everyone.
hypothesis.settings.register_profile("ci", derandomize=True, deadline=None)
hypothesis.settings.register_profile("dev", deadline=None)
hypothesis.settings.register_profile("fuzz", deadline=None, max_examples=10_000)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci" if IN_CI else "dev"))


@pytest.fixture(scope="session")
def anyio_backend() -> tuple[str, dict[str, bool]]:
    """Coroutine tests (`pytest.mark.anyio`) run on the loop that the server runs on."""
    return "asyncio", {"use_uvloop": True}


def wanted_servers(item: pytest.Item) -> set[str]:
    """The servers that `item` is marked with, by name."""
    wanted = {str(name) for mark in item.iter_markers("server") for name in mark.args}
    if unknown := wanted - SERVERS.keys():
        raise pytest.UsageError(f"{item.nodeid}: no server is called {', '.join(sorted(unknown))}")
    return wanted


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Hides the servers that a test is not marked with, so that all else runs embedded anywhere."""
    wanted = {SERVERS[name] for name in wanted_servers(item)}
    for name in SERVERS.values():
        os.environ.pop(name, None)
    os.environ.update({name: value for name, value in _GIVEN.items() if name in wanted})
    if missing := sorted(wanted - _GIVEN.keys()):
        pytest.skip(f"needs {', '.join(missing)}")
    for marker, rows in PROGRAMS.items():
        if item.get_closest_marker(marker):
            for row in rows:
                if not any(shutil.which(name) for name in row):
                    pytest.skip(f"needs {row[0]}")


# A skipped test proves nothing, so in CI skipping fails, and so does expecting to fail. What CI
# cannot run is left out of its selection, in the open (.ci/run).


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Turns a skip or an expected failure into a failure, in CI."""
    report = yield
    if IN_CI and report.skipped:
        expected = getattr(report, "wasxfail", None)
        why = f"xfail: {expected}" if expected is not None else _reason(report)
        report.__dict__.pop("wasxfail", None)
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} did not run through, and in CI that fails: {why}"
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """The same for a module that skips itself as a whole."""
    report = yield
    if IN_CI and report.skipped:
        report.outcome = "failed"
        why = f"{collector.nodeid} skips itself, and in CI that fails: {_reason(report)}"
        report.longrepr = why
    return report


def _reason(report: pytest.TestReport | pytest.CollectReport) -> str:
    match report.longrepr:
        case (_, _, str(reason)):
            return reason
        case other:
            return str(other)
