"""What Prometheus reads is what happened."""

from __future__ import annotations

import pytest
from prometheus_client.parser import text_string_to_metric_families

from runtime.metrics import BUCKETS, Metrics


def samples(metrics: Metrics) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    """Every sample by its name and labels, read as Prometheus does."""
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(metrics.render().decode())
        for sample in family.samples
    }


def value(metrics: Metrics, name: str, **labels: str) -> float:
    return samples(metrics)[name, tuple(sorted(labels.items()))]


def test_requests_are_counted_by_operation_protocol_and_status() -> None:
    metrics = Metrics()
    for status in (200, 200, 404):
        metrics.observe("getBudget", "rest", status, 0.001)
    metrics.observe("getBudget", "grpc", "NOT_FOUND", 0.001)
    metrics.observe("listBudgets", "rest", 200, 0.001)
    for operation, protocol, shown, count in (
        ("getBudget", "rest", "200", 2),
        ("getBudget", "rest", "404", 1),
        ("getBudget", "grpc", "NOT_FOUND", 1),
        ("listBudgets", "rest", "200", 1),
    ):
        found = value(
            metrics,
            "budget_requests_total",
            operation=operation,
            protocol=protocol,
            status=shown,
        )
        assert found == count


def test_latencies_fall_into_buckets_that_add_up() -> None:
    metrics = Metrics()
    taken = [0.0001, 0.00025, 0.003, 0.003, 59.0, 100.0]
    for seconds in taken:
        metrics.observe("getBudget", "rest", 200, seconds)
    labels = {"operation": "getBudget", "protocol": "rest"}
    for edge in BUCKETS:
        found = value(metrics, "budget_request_seconds_bucket", le=str(edge), **labels)
        assert found == sum(seconds <= edge for seconds in taken)
    assert value(metrics, "budget_request_seconds_bucket", le="+Inf", **labels) == 6
    assert value(metrics, "budget_request_seconds_count", **labels) == 6
    assert value(metrics, "budget_request_seconds_sum", **labels) == pytest.approx(sum(taken))


def test_gauges_are_read_when_they_are_asked_for() -> None:
    metrics = Metrics()
    age = 1.5
    queues = {"tasks": 3.0, "mail": 0.0}
    metrics.gauge("outbox_age_seconds", "The oldest event that waits.", lambda: age)
    metrics.gauge("queue_depth", "What waits.", lambda: queues, label="queue")
    assert value(metrics, "budget_outbox_age_seconds") == 1.5
    age = 0.0
    queues["tasks"] = 4.0
    assert value(metrics, "budget_outbox_age_seconds") == 0
    assert value(metrics, "budget_queue_depth", queue="tasks") == 4
    assert value(metrics, "budget_queue_depth", queue="mail") == 0
    with pytest.raises(ValueError, match="registered already"):
        metrics.gauge("queue_depth", "", lambda: 0)


def test_a_gauge_that_cannot_be_read_hides_no_other(caplog: pytest.LogCaptureFixture) -> None:
    metrics = Metrics()
    metrics.gauge("broken", "Raises.", lambda: 1 / 0)
    metrics.gauge("whole", "Does not.", lambda: 2)
    assert value(metrics, "budget_whole") == 2
    assert not any(name == "budget_broken" for name, _ in samples(metrics))
    assert "gauge broken" in caplog.text


def test_drift_is_counted_by_operation() -> None:
    metrics = Metrics()
    metrics.drift("getBudget")
    metrics.drift("getBudget")
    assert value(metrics, "budget_contract_drift_total", operation="getBudget") == 2


def test_the_process_is_seen_too() -> None:
    assert value(Metrics(), "process_resident_memory_bytes") > 1_000_000


def test_two_platforms_in_one_process_do_not_share_their_numbers() -> None:
    one, other = Metrics(), Metrics()
    one.observe("getBudget", "rest", 200, 0.1)
    assert not any(name == "budget_requests_total" for name, _ in samples(other))


def test_a_name_is_declared_once() -> None:
    metrics = Metrics()
    metrics.observe("getBudget", "rest", 200, 0.1)
    metrics.gauge("outbox_size", "What waits.", lambda: 1)
    types = [line for line in metrics.render().decode().splitlines() if line.startswith("# TYPE")]
    assert len(types) == len(set(types)) > 5
