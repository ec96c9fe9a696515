"""Counters, latencies and gauges as Prometheus reads them.

What every request touches is counted and rendered here: prometheus_client's counter and histogram
cost 3 µs a request together, these 0.5; and its rendering of 90 operations on three protocols stops
the loop for 60 ms, this for 3 (measured). All else is its own.
"""

from __future__ import annotations

import logging
from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping
from itertools import accumulate

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    GCCollector,
    PlatformCollector,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.core import GaugeMetricFamily, Metric

logger = logging.getLogger(__name__)

CONTENT_TYPE = CONTENT_TYPE_LATEST
# Seconds: around the 100 µs that a request should take, and up to the longest deadlines.
BUCKETS = (
    *(0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05),
    *(0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0),
)

Gauge = Callable[[], float | Mapping[str, float]]


class _Latency:
    """One operation on one protocol: how many in each bucket, their sum, how many by status."""

    __slots__ = ("buckets", "edges", "labels", "seconds", "statuses")

    def __init__(self, operation: str, protocol: str) -> None:
        self.labels = f'operation="{operation}",protocol="{protocol}"'
        self.edges = [
            f'budget_request_seconds_bucket{{{self.labels},le="{edge}"}} '
            for edge in (*BUCKETS, "+Inf")
        ]
        self.buckets = [0] * len(self.edges)
        self.seconds = 0.0
        self.statuses: dict[int | str, int] = {}


class Metrics:
    """The metrics of this process, in a registry of their own.

    `observe` belongs to one event loop; the rest may be called from any thread.
    """

    def __init__(self) -> None:
        self._latencies: dict[tuple[str, str], _Latency] = {}
        self._gauges: dict[str, tuple[str, str | None, Gauge]] = {}
        self.registry = CollectorRegistry(auto_describe=False)
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        GCCollector(registry=self.registry)
        self._drift = Counter(
            "budget_contract_drift",
            "Answers that do not keep to the contract, found by the sampling monitor.",
            ["operation"],
            registry=self.registry,
        )
        self.registry.register(_Collected(self._read_gauges))

    def observe(self, operation: str, protocol: str, status: int | str, seconds: float) -> None:
        """Counts a request that is over.

        All but `seconds` are labels, so they come from small sets of plain names.
        """
        latency = self._latencies.get((operation, protocol))
        if latency is None:
            latency = self._latencies[operation, protocol] = _Latency(operation, protocol)
        latency.buckets[bisect_left(BUCKETS, seconds)] += 1
        latency.seconds += seconds
        statuses = latency.statuses
        statuses[status] = statuses.get(status, 0) + 1

    def gauge(self, name: str, help: str, read: Gauge, label: str | None = None) -> None:
        """Registers `budget_{name}`, read whenever it is asked for, such as the outbox's age.

        With `label`, `read` answers a number for each of the label's values. What raises is left
        out of the answer, and logged. Raises ValueError for a name that is taken.
        """
        if name in self._gauges:
            raise ValueError(f"gauge {name} is registered already")
        self._gauges[name] = (help, label, read)

    def drift(self, operation: str) -> None:
        """Counts an answer that does not keep to the contract."""
        self._drift.labels(operation).inc()

    def render(self) -> bytes:
        """The text exposition format; its content type is CONTENT_TYPE."""
        return "\n".join([*self._requests(), ""]).encode() + generate_latest(self.registry)

    def _requests(self) -> Iterator[str]:
        # Copied first: the loop may count on while another thread reads.
        latencies = list(self._latencies.values())
        yield "# HELP budget_requests_total Requests answered."
        yield "# TYPE budget_requests_total counter"
        for each in latencies:
            for status, count in list(each.statuses.items()):
                yield f'budget_requests_total{{{each.labels},status="{status}"}} {count}'
        yield "# HELP budget_request_seconds Time from the request's arrival to its answer."
        yield "# TYPE budget_request_seconds histogram"
        for each in latencies:
            sums = list(accumulate(each.buckets))
            yield from map(_joined, each.edges, sums)
            yield f"budget_request_seconds_count{{{each.labels}}} {sums[-1]}"
            yield f"budget_request_seconds_sum{{{each.labels}}} {each.seconds!r}"

    def _read_gauges(self) -> Iterator[Metric]:
        for name, (help, label, read) in list(self._gauges.items()):
            try:
                value = read()
            except Exception:
                # One dependency that does not answer must not hide the other numbers.
                logger.exception("gauge %s cannot be read", name)
                continue
            family = GaugeMetricFamily(
                f"budget_{name}", help, labels=() if label is None else (label,)
            )
            values = value if isinstance(value, Mapping) else {"": value}
            for of, number in values.items():
                family.add_metric(() if label is None else (of,), number)
            yield family


def _joined(name: str, value: int) -> str:
    return f"{name}{value}"


class _Collected:
    """What prometheus_client registers."""

    def __init__(self, collect: Callable[[], Iterator[Metric]]) -> None:
        self.collect = collect
